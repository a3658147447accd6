// Operations on u8 [height, width, channels] images that augmentations are made of.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "suan/base/array.h"

namespace suan::data {

struct Image {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;

  void resize(int64_t h, int64_t w, int64_t c) {
    height = h, width = w, channels = c;
    pixels.resize(static_cast<size_t>(h * w * c));
  }
  uint8_t* row(int64_t y) { return pixels.data() + y * width * channels; }
  const uint8_t* row(int64_t y) const { return pixels.data() + y * width * channels; }
};

// Scales by area-weighted triangles when shrinking and bilinearly when growing.
void resize(const Array& image, int64_t height, int64_t width, uint8_t* out);

// The window of `from` at (top, left), which may reach outside, where pixels are 0.
void crop(const Image& from, int64_t top, int64_t left, int64_t height, int64_t width, Image& to);
void flip_horizontally(Image& image);

// The linear part of a map from output to input pixels about the centre, then a shift.
struct Map {
  float a = 1, b = 0, c = 0, d = 1;  // x' = a x + b y + dx, y' = c x + d y + dy
  float dx = 0, dy = 0;
};
// Bilinear; what lies outside is 0.
void warp(const Image& from, const Map& map, Image& to);
Map rotation(float degrees);

// x + (other - x) * (1 - factor), clamped: factor 1 changes nothing, 0 gives `other`.
void brightness(Image& image, float factor);                 // other: black
void contrast(Image& image, float factor);                   // other: the mean grey
void saturation(Image& image, float factor);                 // other: the grey image
void sharpness(Image& image, float factor, Image& scratch);  // other: a 3 x 3 smoothed image
void shift_hue(Image& image, float turns);  // by a share of the colour circle, in [-0.5, 0.5]
void posterize(Image& image, int bits);
void solarize(Image& image, int threshold);
void auto_contrast(Image& image);
void equalize(Image& image);
void fill_box(Image& image, int64_t top, int64_t left, int64_t size,
              const std::array<uint8_t, 4>& colour);

}  // namespace suan::data
