// The search for what to recompute. A move puts a chain of steps once more into the order; whether
// it helps is measured on the new order, so the rules that propose moves need not be exact.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/recompute.h"

#include <algorithm>
#include <set>

#include "suan/graph/pending.h"

namespace suan {
namespace {

constexpr size_t kMaxChain = 64;  // steps that one move runs again
constexpr size_t kTried = 24;     // moves measured in a round, those that promise most
constexpr size_t kMaxRounds = 4000;
constexpr int kBisections = 6;  // searches for the lowest budget that can be kept

// How a value that a chain needs and that is dead by then comes back.
struct Revival {
  bool keep_living;   // keep what lives at the peak anyway; else compute it again
  double keep_small;  // keep what is smaller than this part of what the move saves
};
constexpr Revival kRevivals[] = {{true, 0.1}, {false, 0.02}};

struct Move {
  std::vector<int> chain;  // steps in order
  int at = 0;              // they run before this position
  double promise = 0;      // bytes saved at the peak by seconds
};

class Search {
 public:
  Search(const StepGraph& graph, size_t budget) : graph_(graph), budget_(budget) {}

  MemoryProfile run() {
    const MemoryProfile start = profile_memory(graph_, graph_.initial_order());
    descend_from(start);
    const size_t wanted = budget_;
    size_t too_low = budget_;
    MemoryProfile best = now_;
    // Where it is out of reach, a higher budget can lead lower: other moves look good.
    for (int i = 0; i < kBisections && best.peak > wanted; ++i) {
      budget_ = too_low + (best.peak - too_low) / 2;
      descend_from(start);
      if (now_.peak > budget_) too_low = budget_;
      if (now_.peak < best.peak) best = now_;
    }
    budget_ = wanted;
    now_ = best;
    undo_needless();
    return now_;
  }

 private:
  // Makes moves until the budget is reached or none helps; keeps the lowest order on the way.
  void descend_from(const MemoryProfile& start) {
    MemoryProfile best = now_ = start;
    for (size_t round = 0; round < kMaxRounds && now_.peak > budget_; ++round) {
      if (!improve()) break;
      if (now_.peak < best.peak) best = now_;
    }
    now_ = best;
  }

  // Memory above the budget, summed over the steps of the graph. A step counts once, with those
  // that run again before it, so that a longer order is not a worse one.
  int64_t excess(const MemoryProfile& profile) const {
    std::vector<bool> seen(graph_.steps().size(), false);
    int64_t sum = 0;
    size_t highest = 0;
    for (size_t i = 0; i < profile.order.size(); ++i) {
      highest = std::max(highest, profile.bytes[i]);
      const auto step = static_cast<size_t>(profile.order[i]);
      if (seen[step]) continue;
      seen[step] = true;
      if (highest > budget_) sum += static_cast<int64_t>(highest - budget_);
      highest = 0;
    }
    return sum;
  }

  // Takes the best move; false: none helps.
  bool improve() {
    const int64_t before = excess(now_);
    MemoryProfile best;
    double best_score = 0;
    int64_t best_gain = 0;
    for (const Move& move : propose()) {
      for (const bool merge : {true, false}) {
        MemoryProfile after = profile_memory(graph_, order_after(move, merge));
        const int64_t gain = before - excess(after);
        if (gain <= 0) continue;
        const double price = std::max(after.seconds - now_.seconds, 1e-12);
        const double score = static_cast<double>(gain) / price;
        if (score < best_score || (score == best_score && gain <= best_gain)) continue;
        best_score = score;
        best_gain = gain;
        best = std::move(after);
      }
    }
    if (best_gain > 0) now_ = std::move(best);
    return best_gain > 0;
  }

  // With `merge`, the chain takes the place of the next runs of its steps.
  std::vector<int> order_after(const Move& move, bool merge) const {
    const auto at = static_cast<size_t>(move.at);
    std::vector<int> order(now_.order.begin(), now_.order.begin() + move.at);
    order.insert(order.end(), move.chain.begin(), move.chain.end());
    std::set<int> merged;
    if (merge) merged.insert(move.chain.begin(), move.chain.end());
    for (size_t i = at; i < now_.order.size(); ++i) {
      if (!merged.erase(now_.order[i])) order.push_back(now_.order[i]);
    }
    return order;
  }

  std::vector<Move> propose() {
    find_next_uses();
    std::vector<Move> moves;
    for (size_t q = 0; q < static_cast<size_t>(now_.peak_at); ++q) {
      const StepGraph::Step& step = graph_.step(now_.order[q]);
      if (step.has_result) continue;
      size_t saved = 0;
      int at = static_cast<int>(now_.order.size());
      for (int o = 0; o < step.outputs; ++o) {
        const int result = now_.first_result[q] + o;
        const int next = next_use_[static_cast<size_t>(result)];
        if (next <= now_.peak_at) continue;  // read at the peak (or not after it)
        saved += graph_.value(step.first_out + o).bytes;
        at = std::min(at, next);
      }
      if (saved == 0) continue;
      for (const Revival& revival : kRevivals) {
        Move move = chain_for(now_.order[q], at, saved, revival);
        const bool known =
            !moves.empty() && moves.back().at == at && moves.back().chain == move.chain;
        if (!move.chain.empty() && !known) moves.push_back(std::move(move));
      }
    }
    std::stable_sort(moves.begin(), moves.end(),
                     [](const Move& a, const Move& b) { return a.promise > b.promise; });
    if (moves.size() > kTried) moves.resize(kTried);
    return moves;
  }

  // For each result the first position from the peak on that reads it, and where each step runs.
  void find_next_uses() {
    next_use_.assign(now_.last_use.size(), -1);
    runs_.assign(graph_.steps().size(), {});
    for (size_t i = 0; i < now_.order.size(); ++i) {
      runs_[static_cast<size_t>(now_.order[i])].push_back(static_cast<int>(i));
    }
    for (size_t i = static_cast<size_t>(now_.peak_at); i < now_.order.size(); ++i) {
      for (int k = now_.first_read[i]; k < now_.first_read[i + 1]; ++k) {
        int& next = next_use_[static_cast<size_t>(now_.reads[static_cast<size_t>(k)])];
        if (next < 0) next = static_cast<int>(i);
      }
    }
  }

  // A step with a result runs once; one that reads a state runs before the state is overwritten.
  bool can_run(int step, int at) const {
    if (graph_.step(step).has_result) return false;
    for (const int update : graph_.step(step).before) {
      if (runs_[static_cast<size_t>(update)].back() < at) return false;
    }
    return true;
  }

  // Last read of the value `v` that a step at `at` would get.
  int last_read(int v, int at) const {
    const StepGraph::Value& value = graph_.value(v);
    const std::vector<int>& runs = runs_[static_cast<size_t>(value.step)];
    const auto run = std::lower_bound(runs.begin(), runs.end(), at) - 1;
    const int result = now_.first_result[static_cast<size_t>(*run)] + value.output;
    return now_.last_use[static_cast<size_t>(result)];
  }

  bool extend(std::set<int>& chain, int step, int at, size_t saved, const Revival& revival) const {
    if (chain.contains(step)) return true;
    if (chain.size() >= kMaxChain) return false;
    chain.insert(step);
    for (const int v : graph_.step(step).in) {
      const StepGraph::Value& value = graph_.value(v);
      const int last = last_read(v, at);
      if (!value.in_arena || last >= at) continue;
      if (revival.keep_living && last >= now_.peak_at) continue;
      if (static_cast<double>(value.bytes) <= revival.keep_small * static_cast<double>(saved)) {
        continue;
      }
      if (!can_run(value.step, at)) continue;  // it has to live on
      if (!extend(chain, value.step, at, saved, revival)) return false;
    }
    return true;
  }

  // Empty where there is none.
  Move chain_for(int step, int at, size_t saved, const Revival& revival) const {
    std::set<int> chain;
    if (!can_run(step, at) || !extend(chain, step, at, saved, revival)) return {};
    Move move{{chain.begin(), chain.end()}, at, 0};
    double seconds = 1e-9;
    for (const int s : move.chain) seconds += graph_.step(s).seconds;
    move.promise = static_cast<double>(saved) / seconds;
    return move;
  }

  // Later moves can make earlier ones needless: leaves out runs, the dearest first, that the budget
  // (or the height reached) has room for.
  void undo_needless() {
    const size_t allowed = std::max(budget_, now_.peak);
    std::vector<int> again = now_.order;
    std::sort(again.begin(), again.end());
    const auto repeated = [&](int step) {
      return std::count(now_.order.begin(), now_.order.end(), step) > 1;
    };
    again.erase(std::unique(again.begin(), again.end()), again.end());
    std::erase_if(again, [&](int step) { return !repeated(step); });
    std::stable_sort(again.begin(), again.end(),
                     [&](int a, int b) { return graph_.step(a).seconds > graph_.step(b).seconds; });
    for (const int step : again) {
      for (size_t i = now_.order.size(); i-- > 0;) {
        if (i >= now_.order.size() || now_.order[i] != step || !repeated(step)) continue;
        const auto first = std::find(now_.order.begin(), now_.order.end(), step);
        if (first - now_.order.begin() == static_cast<std::ptrdiff_t>(i)) break;
        std::vector<int> order = now_.order;
        order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
        MemoryProfile without = profile_memory(graph_, order);
        if (without.peak <= allowed) now_ = std::move(without);
      }
    }
  }

  const StepGraph& graph_;
  size_t budget_;
  MemoryProfile now_;
  std::vector<int> next_use_;
  std::vector<std::vector<int>> runs_;
};

}  // namespace

Recomputed recompute(const Graph& graph, const RecomputeOptions& options) {
  const PauseTracking pause;
  const StepGraph steps(graph, options.memory_of);
  const MemoryProfile before = profile_memory(steps, steps.initial_order());
  Recomputed out{graph, 0, 0, before.peak};
  if (before.peak <= options.budget) return out;
  const MemoryProfile after = Search(steps, options.budget).run();
  if (after.order == before.order) return out;
  out.graph = steps.build(after.order);
  out.steps = static_cast<int64_t>(after.order.size()) - static_cast<int64_t>(before.order.size());
  out.flops = after.flops - before.flops;
  out.peak = after.peak;
  return out;
}

}  // namespace suan
