// How people write each digit: strokes as points that a smooth curve goes through, in a unit square
// with y downwards. A corner is two strokes that share a point.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

namespace suan::data {

struct Point {
  float x = 0, y = 0;
};
using Stroke = std::span<const Point>;

struct DigitStyle {
  float weight;  // how common it is among the styles of its digit
  std::span<const Stroke> strokes;
};

std::span<const DigitStyle> digit_styles(int digit);

}  // namespace suan::data
