// Coordinate descent for the cost, then backwards until the promise is kept.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <numeric>

#include "suan/base/error.h"

namespace suan::compress {

std::span<const std::string_view> enum_names(LayerPrecision /*precision*/) {
  static constexpr std::array<std::string_view, 3> kNames{"f32", "bf16", "int8"};
  return kNames;
}
std::span<const std::string_view> enum_names(Objective /*objective*/) {
  static constexpr std::array<std::string_view, 3> kNames{"latency", "size", "energy"};
  return kNames;
}

namespace {

using P = LayerPrecision;

std::string_view name_of(P precision) {
  return enum_names(precision)[static_cast<size_t>(precision)];
}

class Searcher {
 public:
  Searcher(const std::vector<SearchLayer>& layers, const Questions& questions,
           const SearchOptions& options, std::vector<Trial> trials)
      : layers_(layers), questions_(questions), options_(options), plain_(layers.size(), P::f32) {
    result_.trials = std::move(trials);
  }

  SearchResult run() {
    if (options_.exhaustive) {
      try_all();
    } else {
      keep_promise(descend(best_uniform()));
      try_uniform();
    }
    measure_again();
    choose();
    return std::move(result_);
  }

 private:
  bool stopped() {
    if (options_.stop && options_.stop->load()) result_.stopped = true;
    return result_.stopped;
  }
  bool may_be(size_t layer, P precision) const {
    if (precision == P::bf16) return options_.bf16;
    return precision != P::int8 || layers_[layer].int8_refused.empty();
  }
  // Every layer at this precision that can have it.
  Assignment uniform(P precision) const {
    Assignment all = plain_;
    for (size_t i = 0; i < all.size(); ++i) {
      if (may_be(i, precision)) all[i] = precision;
    }
    return all;
  }

  // Costs as ratios to all f32, which is measured each time.
  std::vector<double> ratios(const std::vector<Assignment>& assignments) {
    std::vector<Assignment> all{plain_};
    all.insert(all.end(), assignments.begin(), assignments.end());
    const std::vector<double> costs = questions_.costs(all);
    std::vector<double> out;
    for (size_t i = 1; i < costs.size(); ++i) out.push_back(costs[i] / costs[0]);
    for (size_t i = 0; i < assignments.size(); ++i) known_[assignments[i]] = out[i];
    return out;
  }
  double ratio(const Assignment& a) {
    if (a == plain_) return 1;
    const auto found = known_.find(a);
    return found != known_.end() ? found->second : ratios({a})[0];
  }

  Assignment best_uniform() {
    std::vector<Assignment> all{uniform(P::int8)};
    if (options_.bf16) all.push_back(uniform(P::bf16));
    // Where int8 cannot be, bf16 can.
    Assignment both = uniform(P::int8);
    for (size_t i = 0; i < both.size(); ++i) {
      if (both[i] == P::f32 && may_be(i, P::bf16)) both[i] = P::bf16;
    }
    if (options_.bf16 && both != all[0]) all.push_back(both);
    const std::vector<double> costs = ratios(all);
    const auto best = std::min_element(costs.begin(), costs.end());
    return *best < 1 ? all[static_cast<size_t>(best - costs.begin())] : plain_;
  }

  void try_all() {
    constexpr size_t kMost = 4096, kBeside = 16;  // measured side by side
    std::vector<Assignment> all{plain_};
    for (size_t i = 0; i < layers_.size(); ++i) {
      const size_t count = all.size();
      for (const P p : {P::bf16, P::int8}) {
        if (!may_be(i, p)) continue;
        for (size_t k = 0; k < count; ++k) {
          all.push_back(all[k]);
          all.back()[i] = p;
        }
      }
      if (all.size() > kMost) {
        fail("search", "{} layers have more than {} forms to try all of them", layers_.size(),
             kMost);
      }
    }
    for (size_t i = 0; i < all.size() && !stopped(); i += kBeside) {
      const size_t end = std::min(all.size(), i + kBeside);
      ratios({all.begin() + static_cast<std::ptrdiff_t>(i),
              all.begin() + static_cast<std::ptrdiff_t>(end)});
    }
    std::ranges::sort(all, {}, [&](const Assignment& a) { return ratio(a); });
    for (const Assignment& a : all) {
      if (stopped() || ratio(a) >= 1 || tried(a).keeps) return;
    }
  }

  // Changes one layer at a time while that gains. What int8 would cost where it is left out is a
  // refusal with its number.
  Assignment descend(Assignment current) {
    constexpr int kRounds = 3;
    std::map<size_t, double> int8_cost;
    for (int round = 0; round < kRounds && !stopped(); ++round) {
      bool changed = false;
      for (size_t i = 0; i < current.size() && !stopped(); ++i) {
        changed = improve(current, i, int8_cost) || changed;
      }
      if (!changed) break;
    }
    for (const auto& [i, cost] : int8_cost) {
      if (current[i] == P::int8) continue;
      result_.refused.push_back(
          {fmt::format("int8 on {}", layers_[i].name),
           fmt::format("{:.2f}x of {} for the whole model here", cost, name_of(current[i]))});
    }
    for (const SearchLayer& layer : layers_) {
      if (layer.int8_refused.empty()) continue;
      result_.refused.push_back({fmt::format("int8 on {}", layer.name), layer.int8_refused});
    }
    return current;
  }
  bool improve(Assignment& current, size_t layer, std::map<size_t, double>& int8_cost) {
    std::vector<Assignment> others{current};
    for (const P p : {P::f32, P::bf16, P::int8}) {
      if (p == current[layer] || !may_be(layer, p)) continue;
      others.push_back(current);
      others.back()[layer] = p;
    }
    const std::vector<double> costs = ratios(others);
    const auto best = std::min_element(costs.begin(), costs.end());
    const bool gains = *best < costs[0] * (1 - options_.margin);
    const double chosen = gains ? *best : costs[0];
    for (size_t i = 0; i < others.size(); ++i) {
      if (others[i][layer] == P::int8) int8_cost[layer] = costs[i] / chosen;
    }
    if (!gains) return false;
    current = others[static_cast<size_t>(best - costs.begin())];
    return true;
  }

  const Trial& tried(const Assignment& a) {
    for (const Trial& t : result_.trials) {
      if (t.assignment == a) return t;
    }
    const PairedDrop drop = questions_.drop(a);
    result_.trials.push_back(
        {a, ratio(a), drop.drop(), drop.bound(), drop.examples(), drop.keeps(options_.max_drop)});
    return result_.trials.back();
  }

  // What it costs to make a layer more precise.
  double price(const Assignment& a, size_t layer) {
    Assignment raised = a;
    raised[layer] = above(layer);
    return ratio(raised) - ratio(a);
  }
  // Layers by what their noise is worth: much noise that costs little to remove comes first.
  std::vector<size_t> by_blame(const Assignment& a) {
    constexpr double kLeast = 1e-3;  // below it a price is the clock's
    std::vector<size_t> order;
    std::vector<double> worth(a.size());
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] != P::int8) continue;
      order.push_back(i);
      worth[i] = layers_[i].noise / std::max(price(a, i), kLeast);
    }
    std::sort(order.begin(), order.end(), [&](size_t x, size_t y) { return worth[x] > worth[y]; });
    return order;
  }
  P above(size_t layer) const { return may_be(layer, P::bf16) ? P::bf16 : P::f32; }

  void keep_promise(Assignment current) {
    if (tried(current).keeps || stopped()) return;
    // How many of the most noisy layers must be more precise: by halving, as each answer takes a
    // pass over the data.
    const std::vector<size_t> order = by_blame(current);
    const auto without = [&](size_t count) {
      Assignment a = current;
      for (size_t i = 0; i < count; ++i) a[order[i]] = above(order[i]);
      return a;
    };
    size_t low = 0, high = order.size();
    if (!tried(without(high)).keeps) return keep_without_bf16(without(high));
    while (high - low > 1 && !stopped()) {
      const size_t middle = (low + high) / 2;
      (tried(without(middle)).keeps ? high : low) = middle;
    }
    if (!stopped())
      give_back(without(high), {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(high)});
  }
  // Those that came along without being to blame are int8 again, what gains most first.
  void give_back(Assignment current, std::vector<size_t> raised) {
    std::vector<double> gain(current.size());
    for (size_t i : raised) {
      Assignment a = current;
      a[i] = P::int8;
      gain[i] = ratio(current) - ratio(a);
    }
    std::sort(raised.begin(), raised.end(), [&](size_t x, size_t y) { return gain[x] > gain[y]; });
    constexpr size_t kMost = 8;  // passes over the data
    size_t passes = 0;
    for (size_t i : raised) {
      if (passes++ == kMost || stopped()) return;
      Assignment a = current;
      a[i] = P::int8;
      if (ratio(a) < ratio(current) && tried(a).keeps) current = a;
    }
  }
  void keep_without_bf16(Assignment current) {
    for (size_t i = 0; i < current.size(); ++i) {
      if (current[i] == P::bf16) current[i] = P::f32;
    }
    if (!stopped()) tried(current);
  }

  // What a disturbed measurement at the beginning may have led away from.
  void try_uniform() {
    for (const P p : {P::int8, P::bf16}) {
      const Assignment all = uniform(p);
      if (all != plain_ && ratio(all) < 1 && !stopped()) tried(all);
    }
  }
  // The cheapest that keep the promise were measured at different times: now side by side.
  void measure_again() {
    constexpr size_t kMost = 8;
    std::vector<size_t> keep;
    for (size_t i = 0; i < result_.trials.size(); ++i) {
      if (result_.trials[i].keeps) keep.push_back(i);
    }
    std::ranges::sort(keep, {}, [&](size_t i) { return result_.trials[i].ratio; });
    keep.resize(std::min(keep.size(), kMost));
    if (keep.empty() || stopped()) return;
    std::vector<Assignment> all;
    for (const size_t i : keep) all.push_back(result_.trials[i].assignment);
    const std::vector<double> measured = ratios(all);
    for (size_t k = 0; k < keep.size(); ++k) result_.trials[keep[k]].ratio = measured[k];
  }

  // Never slower than the original: that one is always among the choices.
  void choose() {
    for (size_t i = 0; i < result_.trials.size(); ++i) {
      const Trial& t = result_.trials[i];
      if (!t.keeps || t.ratio > 1) continue;
      if (!result_.best || t.ratio < result_.trials[*result_.best].ratio) result_.best = i;
    }
  }

  const std::vector<SearchLayer>& layers_;
  const Questions& questions_;
  const SearchOptions& options_;
  const Assignment plain_;
  std::map<Assignment, double> known_;
  SearchResult result_;
};

}  // namespace

SearchResult search(const std::vector<SearchLayer>& layers, const Questions& questions,
                    const SearchOptions& options, std::vector<Trial> trials) {
  return Searcher(layers, questions, options, std::move(trials)).run();
}

std::vector<size_t> pareto_front(const std::vector<Trial>& trials) {
  std::vector<size_t> order(trials.size()), front;
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(trials[a].ratio, trials[a].drop) < std::tie(trials[b].ratio, trials[b].drop);
  });
  double least = std::numeric_limits<double>::infinity();
  for (const size_t i : order) {
    if (trials[i].drop >= least) continue;
    least = trials[i].drop;
    front.push_back(i);
  }
  return front;
}

}  // namespace suan::compress
