// Planning within a budget.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/budget.h"

#include <algorithm>
#include <unordered_map>

#include "suan/base/log.h"
#include "suan/passes/recompute.h"

namespace suan {
namespace {

StepMemoryOf memory_in(const Plan& plan) {
  std::unordered_map<const Node*, StepMemory> memory;
  for (const PlannedStep& step : plan.steps) {
    if (!step.kernel) continue;
    memory[step.node.get()] = {step.scratch_bytes, step.kernel->in_place, step.kernel->writes_all};
  }
  return [memory = std::move(memory)](const Node& node) {
    const auto it = memory.find(&node);
    return it == memory.end() ? StepMemory() : it->second;
  };
}

}  // namespace

BudgetedPlan plan_within(const Graph& graph, const Backend& backend, size_t budget) {
  constexpr int kRounds = 6;
  BudgetedPlan best{graph, make_plan(graph, backend)};
  if (budget == 0 || best.plan.arena_bytes <= budget) return best;
  const StepMemoryOf memory = memory_in(best.plan);
  size_t target = budget;
  for (int round = 0; round < kRounds && best.plan.arena_bytes > budget; ++round) {
    const Recomputed made = recompute(graph, {target, memory});
    verify(made.graph);
    Plan plan = make_plan(made.graph, backend);
    const size_t arena = plan.arena_bytes;
    if (arena < best.plan.arena_bytes) {
      best = {made.graph, std::move(plan), made.steps, made.flops};
    }
    if (arena <= budget || made.peak > target) break;
    target -= std::min(target, std::max(arena - budget, budget / 100));
  }
  if (best.plan.arena_bytes > budget) {
    constexpr double kMega = 1e6;
    log(LogLevel::kWarning, "memory budget of {:.1f} MB not reached: the program takes {:.1f} MB",
        static_cast<double>(budget) / kMega, static_cast<double>(best.plan.arena_bytes) / kMega);
  }
  return best;
}

}  // namespace suan
