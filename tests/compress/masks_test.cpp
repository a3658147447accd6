// Masks: patterns of zeros, and how many there are.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/base/random.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

struct Weights {
  explicit Weights(const std::vector<Shape>& shapes) {
    Random random(5);
    for (const Shape& shape : shapes) {
      scores.emplace_back(DType::f32, shape);
      masks.emplace_back(DType::boolean, shape);
      const double scale = static_cast<double>(scores.size());
      for (float& v : scores.back().span<float>()) {
        v = static_cast<float>(scale) * std::abs(random.normal());
      }
      std::fill_n(masks.back().as<bool>(), shape.numel(), true);
    }
  }
  int64_t zeros(size_t i) const {
    return std::count(masks[i].as<bool>(), masks[i].as<bool>() + masks[i].shape.numel(), false);
  }
  std::vector<Array> scores, masks;
};

TEST(Masks, HaveExactlyTheShareOfZeros) {
  const auto element = make_mask_pattern("element", 0, 0);
  for (const double share : {0.0, 0.1, 0.777, 1.0}) {
    Weights layers({{10, 7}, {5, 3, 3, 3}}), all({{10, 7}, {5, 3, 3, 3}});
    cut_units(*element, layers.scores, layers.masks, share, false);
    EXPECT_EQ(layers.zeros(0), std::llround(share * 70));
    EXPECT_EQ(layers.zeros(1), std::llround(share * 135));
    cut_units(*element, all.scores, all.masks, share, true);
    EXPECT_EQ(all.zeros(0) + all.zeros(1), std::llround(share * 205));
    if (share > 0 && share < 1) {
      EXPECT_GT(all.zeros(0), layers.zeros(0));  // its scores are lower
    }
  }
}

TEST(Masks, CutTheLowestScores) {
  const auto element = make_mask_pattern("element", 0, 0);
  Weights w({{20, 20}});
  cut_units(*element, w.scores, w.masks, 0.5, true);
  float highest_cut = 0, lowest_kept = 100;
  for (size_t i = 0; i < 400; ++i) {
    const float score = w.scores[0].as<float>()[i];
    if (w.masks[0].as<bool>()[i]) lowest_kept = std::min(lowest_kept, score);
    if (!w.masks[0].as<bool>()[i]) highest_cut = std::max(highest_cut, score);
  }
  EXPECT_LT(highest_cut, lowest_kept);
}

TEST(Masks, KeepWhatIsCutWhenTheyGrow) {
  for (const char* name : {"element", "2:4", "block"}) {
    const auto pattern = make_mask_pattern(name, 2, 4);
    Weights w({{8, 8, 3, 3}});
    cut_units(*pattern, w.scores, w.masks, 0.3, true);
    const Array before{DType::boolean, w.masks[0].shape,
                       Buffer::copy_of(w.masks[0].as<bool>(), w.masks[0].bytes())};
    const int64_t zeros = w.zeros(0);
    EXPECT_GT(zeros, 0);
    std::ranges::reverse(w.scores[0].span<float>());  // others are the lowest now
    cut_units(*pattern, w.scores, w.masks, 0.4, true);
    EXPECT_GT(w.zeros(0), zeros);
    for (size_t i = 0; i < 576; ++i) {
      EXPECT_FALSE(!before.as<bool>()[i] && w.masks[0].as<bool>()[i]) << name << " " << i;
    }
  }
}

TEST(Masks, OfTwoOfFourGoAlongTheInputs) {
  const auto pattern = make_mask_pattern("2:4", 0, 0);
  EXPECT_EQ(pattern->most(), 0.5);
  EXPECT_EQ(pattern->units({16, 3, 3, 3}), 0);
  Weights w({{6, 8, 3, 3}});
  cut_units(*pattern, w.scores, w.masks, 1, true);
  for (int64_t out = 0; out < 6; ++out) {
    for (int64_t in = 0; in < 8; in += 4) {
      for (int64_t k = 0; k < 9; ++k) {
        float kept = 100, cut = 0;
        int zeros = 0;
        for (int64_t i = in; i < in + 4; ++i) {
          const int64_t at = (out * 8 + i) * 9 + k;
          const float score = w.scores[0].as<float>()[at];
          zeros += !w.masks[0].as<bool>()[at];
          if (w.masks[0].as<bool>()[at]) kept = std::min(kept, score);
          if (!w.masks[0].as<bool>()[at]) cut = std::max(cut, score);
        }
        EXPECT_EQ(zeros, 2);
        EXPECT_LT(cut, kept);
      }
    }
  }
}

TEST(Masks, OfBlocksCutWholeOnes) {
  const auto pattern = make_mask_pattern("block", 4, 8);
  EXPECT_EQ(pattern->units({10, 4, 5}), 3 * 3);  // of a matrix 10 x 20
  Weights w({{10, 4, 5}});
  cut_units(*pattern, w.scores, w.masks, 5.0 / 9, true);
  int cut = 0;
  for (int64_t top = 0; top < 10; top += 4) {
    for (int64_t left = 0; left < 20; left += 8) {
      int zeros = 0, count = 0;
      for (int64_t r = top; r < std::min<int64_t>(top + 4, 10); ++r) {
        for (int64_t c = left; c < std::min<int64_t>(left + 8, 20); ++c) {
          zeros += !w.masks[0].as<bool>()[r * 20 + c];
          ++count;
        }
      }
      EXPECT_TRUE(zeros == 0 || zeros == count);
      cut += zeros == count;
    }
  }
  EXPECT_EQ(cut, 5);
}

TEST(Masks, OfUnknownPatternsAreRefused) {
  EXPECT_ERROR(make_mask_pattern("2:5", 4, 4), kInvalidArgument,
               "pattern: there is no pattern '2:5', did you mean '2:4'?");
  EXPECT_ERROR(make_mask_pattern("block", 0, 4), kInvalidArgument,
               "pattern: blocks of 0 x 4, expected 1 or more of each");
}

}  // namespace
}  // namespace suan::compress
