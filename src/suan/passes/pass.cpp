// The list of passes and its runner.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/pass.h"

#include <algorithm>
#include <chrono>

#include "suan/base/error.h"
#include "suan/base/nearest.h"

namespace suan {
namespace {

constexpr Pass kPasses[] = {
    {"decompose", decompose},           {"simplify", simplify},
    {"move_views", move_views},         {"recognise", recognise},
    {"fold_affine", fold_affine},       {"fold_constants", fold_constants},
    {"fuse_tails", fuse_tails},         {"fuse", fuse},
    {"assign_layouts", assign_layouts},
};

void check_names(std::span<const std::string> names) {
  std::vector<std::string> known;
  for (const Pass& pass : kPasses) known.emplace_back(pass.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      fail("passes", "{}", unknown_name("pass", name, known));
    }
  }
}

}  // namespace

std::span<const Pass> standard_passes() { return kPasses; }

std::vector<std::string> optional_passes() {
  std::vector<std::string> names;
  for (const Pass& pass : kPasses) {
    if (pass.run != decompose) names.emplace_back(pass.name);
  }
  return names;
}

Graph optimise(const Graph& graph, const Target& target, std::span<const std::string> without,
               std::vector<PassTiming>* timings) {
  check_names(without);
  Graph current = graph;
  for (const Pass& pass : kPasses) {
    if (std::find(without.begin(), without.end(), pass.name) != without.end()) continue;
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
