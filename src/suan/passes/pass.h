// Passes: graphs into better graphs. The runner names, times and verifies each one.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <vector>

#include "suan/base/arithmetic.h"
#include "suan/graph/graph.h"
#include "suan/target/target.h"

namespace suan {

struct Pass {
  const char* name;
  Graph (*run)(const Graph&, const Target&);
};

// Ops that the target has no kernel for become simpler ops, where they have a decomposition.
Graph decompose(const Graph& graph, const Target& target);
// What the target would rather run in several nodes is split (batch norm into statistics and the
// elementwise rest, where that joins what follows).
Graph split(const Graph& graph, const Target& target);
// Equal nodes merge, known numbers fold, neutral operations vanish.
Graph simplify(const Graph& graph, const Target& target);
// Reshapes, transposes and slices around products with constant weights move out of their way, so
// that what follows a product can become its tail and no part of its result is copied. Reshapes
// move behind what the target fuses with a product of any weights.
Graph move_views(const Graph& graph, const Target& target);
// Reshapes, transposes, slices and max pooling of what is dequantized become such of the integers.
Graph move_quantize(const Graph& graph, const Target& target);
// Gelu, silu, layer and RMS norm and attention written out in small nodes become one node each.
Graph recognise(const Graph& graph, const Target& target);
// Factors and terms that are constant for each channel move into the constant weights and the bias
// of the convolution (or the product) before them: batch norm in inference.
Graph fold_affine(const Graph& graph, const Target& target);
// What follows from constants is computed now.
Graph fold_constants(const Graph& graph, const Target& target);
// A convolution or product and the elementwise nodes that follow it become one `fused` node, where
// the target has a kernel for them. The value before the last may be a result of it too.
Graph fuse_tails(const Graph& graph, const Target& target);
// Connected elementwise nodes over one shape become one `fused` node.
Graph fuse(const Graph& graph, const Target& target);
// Gives every value a storage layout and puts `reorder` nodes where layouts meet.
Graph assign_layouts(const Graph& graph, const Target& target);
// Undoes it: every value plain, no `reorder` nodes.
Graph without_layouts(const Graph& graph);

std::span<const Pass> standard_passes();  // in the order they run

struct PassTiming {
  const char* name;
  double seconds;
  size_t nodes;  // after it
};
struct PassOptions {
  Arithmetic precision = Arithmetic::f32;  // all but f32: passes/precision.h
  std::vector<std::string> without = {};   // passes to leave out, by name
};
// Runs all standard passes. For mixed precision, what was written out in one precision is first
// recognised, before casts stand between its nodes. Throws Error for a name that no pass has.
Graph optimise(const Graph& graph, const Target& target, const PassOptions& options = {},
               std::vector<PassTiming>* timings = nullptr);
// All but `decompose`, without which kernels are missing: a graph computes the same without these.
std::vector<std::string> optional_passes();

}  // namespace suan
