// The generated digits: repeatable, centred and sized as MNIST's.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/digits.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/expect_error.h"

namespace suan::data {
namespace {

TEST(Digits, SampleIOfASeedIsAlwaysTheSame) {
  const auto a = digits(50, 3), b = digits(20, 3), c = digits(20, 4);
  EXPECT_EQ(std::memcmp(a->x().as<char>(), b->x().as<char>(), b->x().bytes()), 0);
  EXPECT_NE(std::memcmp(a->x().as<char>(), c->x().as<char>(), c->x().bytes()), 0);
  EXPECT_EQ(a->y().as<int64_t>()[37], 7);
}

TEST(Digits, AreCentredAndAsDarkAsMnist) {
  const auto dataset = digits(1000, 1);
  double ink = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const uint8_t* picture = dataset->x().as<uint8_t>() + i * 784;
    double sum = 0, x = 0, y = 0;
    for (int p = 0; p < 784; ++p) {
      const int row = p / 28;
      sum += picture[p], x += picture[p] * (p % 28), y += picture[p] * row;
    }
    EXPECT_NEAR(x / sum, 14, 0.7) << i;
    EXPECT_NEAR(y / sum, 14, 0.7) << i;
    ink += sum;
  }
  EXPECT_NEAR(ink / 1000 / 784 / 255, 0.1325, 0.02);  // MNIST: 0.1307 train, 0.1325 test
}

TEST(Digits, RefusesWhatIsNoDigit) {
  Random random(0);
  uint8_t pixels[784];
  EXPECT_ERROR(draw_digit(10, random, pixels), kInvalidArgument,
               "draw_digit: digit must be 0 to 9, got 10");
  EXPECT_ERROR(digits(0), kInvalidArgument, "digits: count must be at least 1, got 0");
}

}  // namespace
}  // namespace suan::data
