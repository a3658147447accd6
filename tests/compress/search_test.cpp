// The search on made-up models whose costs and drops are known.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/search.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "suan/base/random.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

using P = LayerPrecision;

// Costs add up over layers, with a toll where neighbours differ; so do drops.
struct Model {
  std::vector<SearchLayer> layers;
  std::vector<std::array<double, 3>> cost;  // by precision
  std::vector<double> drop;                 // of each layer in int8, in points
  double toll = 0;
  int asked = 0;  // for drops

  double cost_of(const Assignment& a) const {
    double total = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      total += cost[i][static_cast<size_t>(a[i])];
      if (i > 0 && a[i] != a[i - 1]) total += toll;
    }
    return total;
  }
  double drop_of(const Assignment& a) const {
    double total = 0;
    for (size_t i = 0; i < a.size(); ++i) total += a[i] == P::int8 ? drop[i] : 0;
    return total;
  }
  Questions questions() {
    return {[this](const std::vector<Assignment>& all) {
              std::vector<double> costs;
              for (const Assignment& a : all) costs.push_back(cost_of(a));
              return costs;
            },
            [this](const Assignment& a) {
              ++asked;
              PairedDrop drop;
              constexpr int kExamples = 100'000;
              const int worse = static_cast<int>(std::lround(drop_of(a) / 100 * kExamples));
              for (int i = 0; i < kExamples; ++i) drop.add_answers(true, i >= worse);
              return drop;
            }};
  }
  // The cheapest of all assignments that lose no more than `most`.
  double best(double most) const {
    double best = cost_of(Assignment(layers.size(), P::f32));
    std::vector<size_t> digits(layers.size(), 0);
    for (size_t n = 0; n < static_cast<size_t>(std::pow(3, layers.size())); ++n) {
      Assignment a;
      for (size_t i = 0, rest = n; i < layers.size(); ++i, rest /= 3) {
        a.push_back(static_cast<P>(rest % 3));
      }
      if (drop_of(a) <= most) best = std::min(best, cost_of(a));
    }
    return best / cost_of(Assignment(layers.size(), P::f32));
  }
};

Model random_model(uint64_t seed) {
  Random random(seed);
  Model m;
  m.toll = 0.05 * random.uniform();
  for (int i = 0; i < 6; ++i) {
    const double work = 0.2 + random.uniform();
    const double drop = 0.25 * std::pow(random.uniform(), 2);
    m.cost.push_back({work, work * (0.45 + 0.3 * random.uniform()),
                      work * (0.25 + random.uniform())});  // sometimes slower than f32
    m.drop.push_back(drop);
    m.layers.push_back({"layer" + std::to_string(i), work, drop, ""});
  }
  return m;
}

TEST(Search, FindsNearlyTheCheapestThatKeepsThePromise) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Model m = random_model(seed);
    const SearchResult r = search(m.layers, m.questions(), {.max_drop = 0.4});
    ASSERT_TRUE(r.best) << seed;
    const Trial& t = r.trials[*r.best];
    EXPECT_TRUE(t.keeps);
    EXPECT_LE(m.drop_of(t.assignment), 0.4) << seed;
    EXPECT_LE(t.ratio, 1.1 * m.best(0.37)) << seed;  // the bound is above the drop
    EXPECT_LE(m.asked, 16) << seed;
  }
}

TEST(Search, WhatIsSlowerHereIsRefusedWithItsNumber) {
  Model m = random_model(1);
  for (auto& cost : m.cost) cost = {1, 0.6, 0.3};
  m.cost[2] = {1, 0.6, 1.2};
  m.toll = 0;
  m.drop.assign(6, 0);
  m.layers[4].int8_refused = "sums of so many products could overflow i32";
  const SearchResult r = search(m.layers, m.questions(), {});
  ASSERT_TRUE(r.best);
  const Assignment want{P::int8, P::int8, P::bf16, P::int8, P::bf16, P::int8};
  EXPECT_EQ(r.trials[*r.best].assignment, want);
  ASSERT_EQ(r.refused.size(), 2u);
  EXPECT_EQ(r.refused[0].what, "int8 on layer2");
  EXPECT_EQ(r.refused[0].why, "1.25x of bf16 for the whole model here");
  EXPECT_EQ(r.refused[1].what, "int8 on layer4");
  EXPECT_EQ(r.refused[1].why, m.layers[4].int8_refused);
}

TEST(Search, ExhaustivelyFindsTheCheapestThatKeepsThePromise) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Model m = random_model(seed);
    const SearchResult r = search(m.layers, m.questions(), {.max_drop = 0.3, .exhaustive = true});
    ASSERT_TRUE(r.best) << seed;
    const double ratio = r.trials[*r.best].ratio;
    EXPECT_GE(ratio, m.best(0.3) * 0.9999) << seed;
    EXPECT_LE(ratio, m.best(0.25) * 1.0001) << seed;  // the bound is above the drop
  }
  const Model large = [] {
    Model m = random_model(0);
    m.layers.resize(9, m.layers[0]);
    return m;
  }();
  Questions none;
  EXPECT_ERROR(search(large.layers, none, {.exhaustive = true}), kInvalidArgument,
               "search: 9 layers have more than 4096 forms to try all of them");
}

TEST(Search, NeverGivesWhatIsSlowerThanTheOriginal) {
  Model m = random_model(2);
  for (auto& cost : m.cost) cost = {1, 1.5, 1.7};
  const SearchResult r = search(m.layers, m.questions(), {});
  ASSERT_TRUE(r.best);
  EXPECT_EQ(r.trials[*r.best].assignment, Assignment(6, P::f32));
}

TEST(Search, APromiseThatCannotBeKeptHasNoBest) {
  Model m = random_model(3);
  Questions q = m.questions();
  q.drop = [](const Assignment&) {
    PairedDrop drop;
    for (int i = 0; i < 100; ++i) drop.add_answers(true, i > 10);
    return drop;
  };
  const SearchResult r = search(m.layers, q, {.max_drop = 0.1});
  EXPECT_FALSE(r.best);
  EXPECT_FALSE(r.trials.empty());
}

TEST(Search, StopsWhenAskedAndGoesOnFromItsTrials) {
  const auto model = [] {
    Model m = random_model(4);
    for (auto& cost : m.cost) cost = {1, 0.6, 0.3};
    m.drop = {0.02, 0.3, 0.03, 0.1, 0.04, 0.2};
    return m;
  };
  Model m = model();
  std::atomic<bool> stop = false;
  Questions q = m.questions();
  q.drop = [&, ask = q.drop](const Assignment& a) {
    stop = m.asked >= 1;
    return ask(a);
  };
  const SearchResult first = search(m.layers, q, {.max_drop = 0.1, .stop = &stop});
  EXPECT_TRUE(first.stopped);
  const int asked = m.asked;
  const SearchResult second = search(m.layers, m.questions(), {.max_drop = 0.1}, first.trials);
  EXPECT_FALSE(second.stopped);
  Model fresh = model();
  const SearchResult whole = search(fresh.layers, fresh.questions(), {.max_drop = 0.1});
  ASSERT_TRUE(second.best && whole.best);
  EXPECT_EQ(second.trials[*second.best].assignment, whole.trials[*whole.best].assignment);
  EXPECT_EQ(m.asked, fresh.asked) << "after " << asked << " none is tried again";
}

TEST(Search, TheParetoFrontHasWhatNothingBeats) {
  std::vector<Trial> trials(4);
  trials[0].ratio = 1.0, trials[0].drop = 0.0;
  trials[1].ratio = 0.5, trials[1].drop = 0.4;
  trials[2].ratio = 0.7, trials[2].drop = 0.5;  // slower and worse than 1
  trials[3].ratio = 0.3, trials[3].drop = 2.0;
  EXPECT_EQ(pareto_front(trials), (std::vector<size_t>{3, 1, 0}));
}

}  // namespace
}  // namespace suan::compress
