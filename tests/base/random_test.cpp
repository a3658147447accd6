// Philox against its published answers, and the distributions built on it.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace suan {
namespace {

using Block = std::array<uint32_t, 4>;

TEST(Random, PhiloxGivesThePublishedKnownAnswers) {
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, AStreamIsTheBlocksOfItsCounterInOrder) {
  Random random(0x0123456789abcdef, 0xfedcba9876543210, 7);
  for (uint32_t block = 0; block < 3; ++block) {
    for (uint32_t word : philox4x32({block, 7, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567})) {
      EXPECT_EQ(random.word(), word);
    }
  }
}

TEST(Random, UniformStaysInItsHalfOpenInterval) {
  EXPECT_EQ(to_uniform(0), 0.0f);
  EXPECT_LT(to_uniform(0xffffffff), 1.0f);
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) sum += random.uniform(-1, 3);
  EXPECT_NEAR(sum / 100000, 1.0, 0.02);
}

TEST(Random, NormalsHaveMeanZeroAndVarianceOne) {
  Random random(2);
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / 200000, 0, 0.01);
  EXPECT_NEAR(squares / 200000, 1, 0.02);
  EXPECT_NEAR(fourth / 200000, 3, 0.1);
  EXPECT_TRUE(std::isfinite(to_normals(0xffffffff, 0).first));
}

TEST(Random, RandintReachesEveryValueEquallyOften) {
  Random random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<size_t>(random.randint(-3, 4) + 3)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 400);
  EXPECT_EQ(random.randint(5, 6), 5);
  const int64_t wide = random.randint(0, int64_t{1} << 32);
  EXPECT_GE(wide, 0);
}

TEST(Random, ShuffleIsAPermutationThatDependsOnTheSeed) {
  std::vector<int> a(1000), b(1000);
  std::iota(a.begin(), a.end(), 0);
  std::iota(b.begin(), b.end(), 0);
  Random(4).shuffle(std::span(a));
  Random(5).shuffle(std::span(b));
  EXPECT_NE(a, b);
  std::sort(a.begin(), a.end());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(a[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace suan
