// Recomputation: values that would lie in memory for long are dropped and computed again where they
// are next read, until a step fits into a budget. Unlike other passes it needs a number.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/passes/schedule.h"

namespace suan {

struct RecomputeOptions {
  size_t budget = 0;       // bytes of values and scratch that may live at one time
  StepMemoryOf memory_of;  // what kernels need besides; null: nothing
};

struct Recomputed {
  Graph graph;
  int64_t steps = 0;  // nodes that run once more
  double flops = 0;   // what they add
  size_t peak = 0;    // bytes that now live at one time; above the budget where that is too small
};

// The same computation in an order that keeps to the budget where it can. All nodes compute what
// they did from the same values, so the results keep their bits. Greedy: of the values that live
// across the highest step without being read there, the one whose absence lowers most memory above
// the budget for the time it costs goes first. Chen et al., "Training deep nets with sublinear
// memory cost", 2016; Jain et al., "Checkmate", 2020.
Recomputed recompute(const Graph& graph, const RecomputeOptions& options);

}  // namespace suan
