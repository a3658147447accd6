// Bounds of paired drops against numbers worked out by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/contract.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/random.h"

namespace suan::compress {
namespace {

PairedDrop answers(int both, int worse, int better, int neither) {
  PairedDrop drop;
  for (int i = 0; i < both; ++i) drop.add_answers(true, true);
  for (int i = 0; i < worse; ++i) drop.add_answers(true, false);
  for (int i = 0; i < better; ++i) drop.add_answers(false, true);
  for (int i = 0; i < neither; ++i) drop.add_answers(false, false);
  return drop;
}

TEST(Contract, ADropOfAnswersIsInPoints) {
  const PairedDrop drop = answers(930, 30, 20, 20);
  EXPECT_EQ(drop.examples(), 1000);
  EXPECT_NEAR(drop.drop(), 1.0, 1e-12);
  // (30 - 20) / 1002 + 1.6449 sqrt(51 - 100 / 1002) / 1002
  EXPECT_NEAR(drop.bound(), 100 * (10.0 / 1002 + 1.6448536 * std::sqrt(51 - 100.0 / 1002) / 1002),
              1e-6);
  EXPECT_TRUE(drop.keeps(2.2));
  EXPECT_FALSE(drop.keeps(2.1));
}

TEST(Contract, NoDisagreementAmongFewExamplesProvesLittle) {
  EXPECT_GT(answers(100, 0, 0, 0).bound(), 1.5);
  EXPECT_LT(answers(1000, 0, 0, 0).bound(), 0.2);
  EXPECT_TRUE(std::isinf(answers(1, 0, 0, 0).bound()));
  EXPECT_TRUE(std::isinf(PairedDrop().bound()));
}

TEST(Contract, ADropOfLossesIsInPerCentOfPerplexity) {
  PairedDrop drop;
  for (int i = 0; i < 100; ++i) drop.add_losses(2.0, 2.0 + (i % 2 ? 0.012 : 0.008));
  EXPECT_NEAR(drop.drop(), 100 * std::expm1(0.01), 1e-9);
  const double error = 1.6448536 * std::sqrt(4e-6 / 99);
  EXPECT_NEAR(drop.bound(), 100 * std::expm1(0.01 + error), 1e-6);
}

TEST(Contract, SaysHowManyExamplesAreMissing) {
  const PairedDrop drop = answers(180, 3, 3, 14);  // no drop, but too few to show it
  ASSERT_FALSE(drop.keeps(0.5));
  const auto needed = drop.examples_needed(0.5);
  ASSERT_TRUE(needed);
  EXPECT_GT(*needed, 200);
  // So many of the same kind do show it.
  const int times = static_cast<int>(*needed / 200) + 1;
  EXPECT_TRUE(answers(180 * times, 3 * times, 3 * times, 14 * times).keeps(0.5));
  EXPECT_FALSE(answers(900, 50, 0, 50).examples_needed(0.5));  // it is too large
}

// Of models that lose exactly what is allowed, at most one in twenty passes.
TEST(Contract, TheBoundIsRightNineteenTimesOutOfTwenty) {
  Random random(1);
  constexpr int kModels = 2000, kExamples = 1500;
  int passed = 0;
  for (int m = 0; m < kModels; ++m) {
    PairedDrop drop;
    for (int i = 0; i < kExamples; ++i) {
      const double u = random.uniform();
      drop.add_answers(u < 0.92, u >= 0.012 && u < 0.927);  // 1.2 points worse, 0.7 better
    }
    passed += drop.keeps(0.5);
  }
  EXPECT_LT(passed, kModels * 6 / 100);
  EXPECT_GT(passed, kModels * 3 / 100);
}

}  // namespace
}  // namespace suan::compress
