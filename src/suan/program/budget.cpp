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

double megabytes(size_t bytes) { return static_cast<double>(bytes) / 1e6; }

class Fitter {
 public:
  Fitter(const Graph& graph, const Backend& backend, size_t budget)
      : graph_(graph), backend_(backend), budget_(budget), best_{graph, make_plan(graph, backend)} {
    if (budget == 0 || fits()) return;
    memory_of_ = memory_in(best_.plan);
    if (descend() || fits()) return;
    // The lowest peak need not pack best.
    for (const double slack : {1.03, 1.06, 1.1, 1.15, 1.2, 1.3}) {
      const auto target = static_cast<size_t>(slack * static_cast<double>(lowest_));
      if (target < best_.plan.arena_bytes) attempt(target);
    }
    if (fits()) return;
    log(LogLevel::kWarning, "memory budget of {:.1f} MB not reached: the program takes {:.1f} MB",
        megabytes(budget_), megabytes(best_.plan.arena_bytes));
  }
  BudgetedPlan take() { return std::move(best_); }

 private:
  struct Attempt {
    size_t peak, arena;
  };
  bool fits() const { return best_.plan.arena_bytes <= budget_; }

  Attempt attempt(size_t target) {
    const Recomputed made = recompute(graph_, {target, memory_of_});
    verify(made.graph);
    Plan plan = make_plan(made.graph, backend_);
    const Attempt got{made.peak, plan.arena_bytes};
    log(LogLevel::kDebug, "memory: {:.1f} MB wanted, {:.1f} live at the peak, {:.1f} in all",
        megabytes(target), megabytes(got.peak), megabytes(got.arena));
    if (got.arena < best_.plan.arena_bytes) {
      best_ = {made.graph, std::move(plan), made.steps, made.flops};
    }
    return got;
  }

  // Lowers the target by what packing adds; false: recomputation cannot go lower.
  bool descend() {
    constexpr int kRounds = 6;
    size_t target = budget_;
    for (int round = 0; round < kRounds; ++round) {
      const Attempt got = attempt(target);
      lowest_ = got.peak;
      if (got.arena <= budget_) return true;
      if (got.peak > target) return false;
      target -= std::min(target, std::max(got.arena - budget_, budget_ / 100));
    }
    return false;
  }

  const Graph& graph_;
  const Backend& backend_;
  const size_t budget_;
  BudgetedPlan best_;
  StepMemoryOf memory_of_;
  size_t lowest_ = 0;
};

}  // namespace

BudgetedPlan plan_within(const Graph& graph, const Backend& backend, size_t budget) {
  return Fitter(graph, backend, budget).take();
}

}  // namespace suan
