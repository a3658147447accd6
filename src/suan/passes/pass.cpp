// The list of passes and its runner.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/pass.h"

#include <algorithm>
#include <chrono>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/passes/precision.h"

namespace suan {
namespace {

constexpr Pass kPasses[] = {
    {"decompose", decompose},
    {"split", split},
    {"simplify", simplify},
    {"move_views", move_views},
    {"move_quantize", move_quantize},
    {"recognise", recognise},
    {"fold_affine", fold_affine},
    {"fold_constants", fold_constants},
    {"fuse_tails", fuse_tails},
    {"fuse", fuse},
    {"assign_layouts", assign_layouts},
};

constexpr Pass kBeforeLowering[] = {
    {"simplify", simplify}, {"move_views", move_views}, {"recognise", recognise}};

constexpr const char* kLowering = "lower_precision";  // (passes/precision.h)

void check_names(std::span<const std::string> names) {
  std::vector<std::string> known{kLowering};
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
  std::vector<std::string> names{kLowering};
  for (const Pass& pass : kPasses) {
    if (pass.run != decompose) names.emplace_back(pass.name);
  }
  return names;
}

Graph optimise(const Graph& graph, const Target& target, const PassOptions& options,
               std::vector<PassTiming>* timings) {
  check_names(options.without);
  Graph current = graph;
  const auto run = [&](const char* name, auto pass) {
    const auto& without = options.without;
    if (std::find(without.begin(), without.end(), name) != without.end()) return;
    const auto start = std::chrono::steady_clock::now();
    current = pass(current, target);
    verify(current);
    if (timings) {
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      timings->push_back({name, elapsed.count(), current.nodes().size()});
    }
  };
  if (data_dtype(options.precision) != DType::f32) {
    for (const Pass& pass : kBeforeLowering) run(pass.name, pass.run);
    run(kLowering, [&](const Graph& whole, const Target&) {
      return lower_precision(whole, options.precision);
    });
  }
  for (const Pass& pass : kPasses) {
    run(pass.name, pass.run);
    // What is decomposed may consist of products.
    if (options.precision == Arithmetic::tf32 && target.tf32 && pass.run == decompose) {
      run("allow_tf32", [](const Graph& whole, const Target&) { return allow_tf32(whole); });
    }
  }
  return current;
}

}  // namespace suan
