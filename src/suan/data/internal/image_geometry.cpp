// Moving pixels: crop, flip, warp, resize.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "suan/data/internal/image_ops.h"

namespace suan::data {
namespace {

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f));
}

// Which input pixels make an output pixel, and their weights (which sum to 1).
struct Taps {
  std::vector<int64_t> first;
  std::vector<float> weights;
  int64_t count = 0;
};

Taps make_taps(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(1.0, scale);
  Taps taps;
  taps.count = std::min(from, static_cast<int64_t>(std::ceil(2 * support)) + 1);
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto first = std::clamp(static_cast<int64_t>(std::ceil(centre - support)), int64_t{0},
                                  from - taps.count);
    taps.first.push_back(first);
    double sum = 0;
    std::vector<double> weights;
    for (int64_t k = 0; k < taps.count; ++k) {
      const double distance = std::abs(static_cast<double>(first + k) - centre) / support;
      weights.push_back(std::max(0.0, 1 - distance));
      sum += weights.back();
    }
    for (double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

}  // namespace

void resize(const Array& image, int64_t height, int64_t width, uint8_t* out) {
  const int64_t h = image.shape[0], w = image.shape[1], c = image.shape[2];
  const Taps across = make_taps(w, width), down = make_taps(h, height);
  std::vector<float> rows(static_cast<size_t>(h * width * c));  // scaled across, not yet down
  for (int64_t y = 0; y < h; ++y) {
    const uint8_t* from = image.as<uint8_t>() + y * w * c;
    for (int64_t x = 0; x < width; ++x) {
      const float* weights = across.weights.data() + x * across.count;
      for (int64_t ch = 0; ch < c; ++ch) {
        const uint8_t* at = from + across.first[static_cast<size_t>(x)] * c + ch;
        float sum = 0;
        for (int64_t k = 0; k < across.count; ++k) sum += weights[k] * at[k * c];
        rows[static_cast<size_t>((y * width + x) * c + ch)] = sum;
      }
    }
  }
  const int64_t row = width * c;
  for (int64_t y = 0; y < height; ++y) {
    const float* weights = down.weights.data() + y * down.count;
    const float* from = rows.data() + down.first[static_cast<size_t>(y)] * row;
    for (int64_t i = 0; i < row; ++i) {
      float sum = 0;
      for (int64_t k = 0; k < down.count; ++k) sum += weights[k] * from[k * row + i];
      out[y * row + i] = to_byte(sum);
    }
  }
}

void crop(const Image& from, int64_t top, int64_t left, int64_t height, int64_t width, Image& to) {
  const int64_t c = from.channels;
  to.resize(height, width, c);
  const int64_t begin = std::clamp(-left, int64_t{0}, width);
  const int64_t end = std::clamp(from.width - left, begin, width);
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* out = to.row(y);
    const int64_t source = y + top;
    if (source < 0 || source >= from.height) {
      std::memset(out, 0, static_cast<size_t>(width * c));
      continue;
    }
    std::memset(out, 0, static_cast<size_t>(begin * c));
    std::memcpy(out + begin * c, from.row(source) + (left + begin) * c,
                static_cast<size_t>((end - begin) * c));
    std::memset(out + end * c, 0, static_cast<size_t>((width - end) * c));
  }
}

void flip_horizontally(Image& image) {
  const int64_t c = image.channels;
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t *left = image.row(y), *right = left + (image.width - 1) * c;
    for (; left < right; left += c, right -= c) std::swap_ranges(left, left + c, right);
  }
}

Map rotation(float degrees) {
  const float angle = degrees * std::numbers::pi_v<float> / 180;
  return {std::cos(angle), std::sin(angle), -std::sin(angle), std::cos(angle)};
}

void warp(const Image& from, const Map& map, Image& to) {
  const int64_t h = from.height, w = from.width, c = from.channels;
  to.resize(h, w, c);
  const float cx = static_cast<float>(w - 1) / 2, cy = static_cast<float>(h - 1) / 2;
  for (int64_t y = 0; y < h; ++y) {
    uint8_t* out = to.row(y);
    const float v = static_cast<float>(y) - cy;
    for (int64_t x = 0; x < w; ++x, out += c) {
      const float u = static_cast<float>(x) - cx;
      const float sx = map.a * u + map.b * v + map.dx + cx;
      const float sy = map.c * u + map.d * v + map.dy + cy;
      if (!(sx > -1 && sy > -1 && sx < static_cast<float>(w) && sy < static_cast<float>(h))) {
        std::memset(out, 0, static_cast<size_t>(c));
        continue;
      }
      const auto x0 = static_cast<int64_t>(std::floor(sx)),
                 y0 = static_cast<int64_t>(std::floor(sy));
      const float fx = sx - static_cast<float>(x0), fy = sy - static_cast<float>(y0);
      const auto at = [&](int64_t yy, int64_t xx, int64_t ch) {
        const bool inside = yy >= 0 && xx >= 0 && yy < h && xx < w;
        return inside ? static_cast<float>(from.row(yy)[xx * c + ch]) : 0.0f;
      };
      for (int64_t ch = 0; ch < c; ++ch) {
        const float upper = at(y0, x0, ch) * (1 - fx) + at(y0, x0 + 1, ch) * fx;
        const float lower = at(y0 + 1, x0, ch) * (1 - fx) + at(y0 + 1, x0 + 1, ch) * fx;
        out[ch] = to_byte(upper * (1 - fy) + lower * fy);
      }
    }
  }
}

void fill_box(Image& image, int64_t top, int64_t left, int64_t size,
              const std::array<uint8_t, 4>& colour) {
  const int64_t c = image.channels;
  const int64_t x0 = std::max<int64_t>(left, 0), x1 = std::min(left + size, image.width);
  for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + size, image.height); ++y) {
    for (int64_t x = x0; x < x1; ++x) std::copy_n(colour.data(), c, image.row(y) + x * c);
  }
}

}  // namespace suan::data
