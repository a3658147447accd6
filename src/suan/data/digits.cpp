// From a style's points to pixels: jitter, curve, bend, slant, fit, draw by distance, centre.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/digits.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/data/internal/digit_strokes.h"

namespace suan::data {
namespace {

constexpr int kSide = 28, kBox = 20, kStepsPerSpan = 6;

struct Segment {
  Point from, to;
};

const DigitStyle& draw_style(int digit, Random& random) {
  const std::span<const DigitStyle> styles = digit_styles(digit);
  float total = 0;
  for (const DigitStyle& style : styles) total += style.weight;
  float at = random.uniform() * total;
  for (const DigitStyle& style : styles) {
    at -= style.weight;
    if (at < 0) return style;
  }
  return styles.front();
}

// Catmull and Rom's curve between b and c.
Point on_curve(const Point& a, const Point& b, const Point& c, const Point& d, float t) {
  const auto value = [t](float p, float q, float r, float s) {
    return 0.5f * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t +
                   (3 * q - p - 3 * r + s) * t * t * t);
  };
  return {value(a.x, b.x, c.x, d.x), value(a.y, b.y, c.y, d.y)};
}

// The hand of one sample: how it changes every point of the style.
struct Hand {
  float width, slant, cosine, sine;
  Point stretch;  // powers that make one end of the digit larger than the other
  float bend[2], phase[2][2], frequency[2][2];

  explicit Hand(int digit, Random& random) {
    width = 0.8f * std::exp(0.22f * random.normal()) * (digit == 1 ? 0.6f : 1.0f);
    slant = std::clamp(0.16f + 0.24f * random.normal(), -0.45f, 0.85f);
    stretch = {std::exp(0.15f * random.normal()), std::exp(0.18f * random.normal())};
    const float angle = 0.1f * random.normal();
    cosine = std::cos(angle), sine = std::sin(angle);
    for (int i = 0; i < 2; ++i) {
      bend[i] = random.uniform(0, 0.07f);
      for (int k = 0; k < 2; ++k) {
        phase[i][k] = random.uniform(0, 2 * std::numbers::pi_v<float>);
        frequency[i][k] = random.uniform(2.0f, 5.5f);
      }
    }
  }
  Point operator()(Point p) const {
    p.x = std::copysign(std::pow(std::abs(p.x), stretch.x), p.x);
    p.y = std::copysign(std::pow(std::abs(p.y), stretch.y), p.y);
    p.x += bend[0] * std::sin(frequency[0][0] * p.x + frequency[0][1] * p.y + phase[0][0]);
    p.y += bend[1] * std::sin(frequency[1][0] * p.x + frequency[1][1] * p.y + phase[1][0]);
    const float x = (p.x - 0.5f) * width - slant * (p.y - 0.5f), y = p.y - 0.5f;
    return {cosine * x - sine * y, sine * x + cosine * y};
  }
};

std::vector<Segment> write(int digit, Random& random) {
  const DigitStyle& style = draw_style(digit, random);
  const Hand hand(digit, random);
  const float jitter = random.uniform(0.01f, 0.06f);
  std::vector<Segment> segments;
  std::vector<Point> points;
  for (const Stroke& stroke : style.strokes) {
    const Point last = points.empty() ? Point{-1, -1} : points.back();
    points.assign(stroke.begin(), stroke.end());
    for (Point& p : points) {
      p.x += jitter * random.normal();
      p.y += jitter * random.normal();
    }
    // A stroke that starts where the one before ended stays joined to it.
    const auto index = static_cast<size_t>(&stroke - style.strokes.data());
    const Point begin = stroke.front();
    if (index > 0) {
      const Point end = style.strokes[index - 1].back();
      if (end.x == begin.x && end.y == begin.y) points.front() = last;
    }
    const size_t n = points.size();
    for (size_t i = 0; i + 1 < n; ++i) {
      Point from = hand(points[i]);
      for (int step = 1; step <= kStepsPerSpan; ++step) {
        const Point to = hand(on_curve(points[i ? i - 1 : 0], points[i], points[i + 1],
                                       points[std::min(i + 2, n - 1)],
                                       static_cast<float>(step) / kStepsPerSpan));
        segments.push_back({from, to});
        from = to;
      }
    }
  }
  return segments;
}

// Scales and moves the strokes so that their ink fills the box in the middle of the picture.
void fit(std::vector<Segment>& segments, float thickness) {
  Point low{1e9f, 1e9f}, high{-1e9f, -1e9f};
  for (const Segment& s : segments) {
    for (const Point& p : {s.from, s.to}) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
  }
  const float size = std::max({high.x - low.x, high.y - low.y, 1e-3f});
  const float scale = (kBox - thickness) / size;
  const auto place = [&](Point& p) {
    p.x = (p.x - (low.x + high.x) / 2) * scale + kSide / 2.0f;
    p.y = (p.y - (low.y + high.y) / 2) * scale + kSide / 2.0f;
  };
  for (Segment& s : segments) {
    place(s.from);
    place(s.to);
  }
}

float distance(const Segment& s, float x, float y) {
  const float dx = s.to.x - s.from.x, dy = s.to.y - s.from.y;
  const float length = dx * dx + dy * dy;
  const float t = length > 0 ? ((x - s.from.x) * dx + (y - s.from.y) * dy) / length : 0;
  const float along = std::clamp(t, 0.0f, 1.0f);
  return std::hypot(s.from.x + along * dx - x, s.from.y + along * dy - y);
}

}  // namespace

void draw_digit(int digit, Random& random, uint8_t* pixels) {
  if (digit < 0 || digit > 9) fail("draw_digit", "digit must be 0 to 9, got {}", digit);
  std::vector<Segment> segments = write(digit, random);
  const float thickness = std::clamp(2.5f * std::exp(0.3f * random.normal()), 1.2f, 5.0f);
  const float softness = random.uniform(0.9f, 1.8f);  // pixels from full ink to none
  const float ink = random.uniform(235, 300);
  fit(segments, thickness);
  float depth[kSide][kSide] = {};  // how far inside the ink, in units of the edge
  const float reach = thickness / 2 + softness / 2;
  for (const Segment& s : segments) {
    const auto bound = [&](float v) { return std::clamp(static_cast<int>(v), 0, kSide - 1); };
    const int y0 = bound(std::min(s.from.y, s.to.y) - reach - 1);
    const int y1 = bound(std::max(s.from.y, s.to.y) + reach);
    const int x0 = bound(std::min(s.from.x, s.to.x) - reach - 1);
    const int x1 = bound(std::max(s.from.x, s.to.x) + reach);
    for (int y = y0; y <= y1; ++y) {
      for (int x = x0; x <= x1; ++x) {
        const float d = distance(s, static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f);
        depth[y][x] = std::max(depth[y][x], (reach - d) / softness);
      }
    }
  }
  float sum = 0, sum_x = 0, sum_y = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      float& value = depth[y][x];
      value = std::min(value, 1.0f);
      value = value * value * (3 - 2 * value);
      sum += value, sum_x += value * static_cast<float>(x), sum_y += value * static_cast<float>(y);
    }
  }
  const int shift_x = static_cast<int>(std::lround(kSide / 2.0f - sum_x / sum));
  const int shift_y = static_cast<int>(std::lround(kSide / 2.0f - sum_y / sum));
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const int from_y = y - shift_y, from_x = x - shift_x;
      const bool inside = from_y >= 0 && from_y < kSide && from_x >= 0 && from_x < kSide;
      const float value = inside ? depth[from_y][from_x] * ink : 0;
      const float grain = value > 0 ? 6 * random.normal() : 0;
      *pixels++ = static_cast<uint8_t>(std::clamp(value + grain, 0.0f, 255.0f));
    }
  }
}

std::shared_ptr<ArrayDataset> digits(int64_t count, uint64_t seed) {
  if (count < 1) fail("digits", "count must be at least 1, got {}", count);
  Array x(DType::u8, {count, kSide, kSide, 1}), y(DType::i64, {count});
  parallel_for(count, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Random random(seed, static_cast<uint64_t>(i));
      const auto digit = static_cast<int>(i % 10);
      y.as<int64_t>()[i] = digit;
      draw_digit(digit, random, x.as<uint8_t>() + i * kSide * kSide);
    }
  });
  return std::make_shared<ArrayDataset>(x, y,
                                        ArrayDataset::Options{.image = true, .num_classes = 10});
}

}  // namespace suan::data
