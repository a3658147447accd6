// A plan that keeps to a memory budget: recomputation (passes/recompute.h) knows what lives when,
// but not how well it packs, so its budget is lowered until the plan itself fits.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/program/plan.h"

namespace suan {

struct BudgetedPlan {
  Graph graph;
  Plan plan;
  int64_t recomputed = 0;       // nodes that run once more
  double recomputed_flops = 0;  // what they add
};

// Plans the graph; where the arena is larger than `budget` bytes (0: no limit), plans what
// recomputation makes of it, and logs a warning where that is still too large.
BudgetedPlan plan_within(const Graph& graph, const Backend& backend, size_t budget);

}  // namespace suan
