// The list of passes and its runner.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/pass.h"

#include <chrono>
#include <cstdlib>
#include <string_view>

namespace suan {
namespace {

constexpr Pass kPasses[] = {
    {"decompose", decompose},           {"simplify", simplify},
    {"move_views", move_views},         {"recognise", recognise},
    {"fold_affine", fold_affine},       {"fold_constants", fold_constants},
    {"fuse_tails", fuse_tails},         {"fuse", fuse},
    {"assign_layouts", assign_layouts},
};

bool skipped(std::string_view name) {
  const char* text = std::getenv("SUAN_SKIP_PASSES");
  return text &&
         (',' + std::string(text) + ',').find(',' + std::string(name) + ',') != std::string::npos;
}

}  // namespace

std::span<const Pass> standard_passes() { return kPasses; }

Graph optimise(const Graph& graph, const Target& target, std::vector<PassTiming>* timings) {
  Graph current = graph;
  for (const Pass& pass : kPasses) {
    if (skipped(pass.name)) continue;
    const auto start = std::chrono::steady_clock::now();
    current = pass.run(current, target);
    verify(current);
    if (timings) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      timings->push_back({pass.name, elapsed.count(), current.nodes().size()});
    }
  }
  return current;
}

}  // namespace suan
