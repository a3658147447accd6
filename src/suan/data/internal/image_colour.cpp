// Changing pixel values, by the definitions of PIL's ImageEnhance and ImageOps.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "suan/data/internal/image_ops.h"

namespace suan::data {
namespace {

using Table = std::array<uint8_t, 256>;

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f));
}

template <class F>
Table make_table(F&& f) {
  Table table;
  for (int i = 0; i < 256; ++i) table[static_cast<size_t>(i)] = to_byte(f(static_cast<float>(i)));
  return table;
}

void look_up(Image& image, const Table& table) {
  for (uint8_t& value : image.pixels) value = table[value];
}

// ITU-R 601 luma.
float grey(const uint8_t* rgb) {
  return 0.299f * static_cast<float>(rgb[0]) + 0.587f * static_cast<float>(rgb[1]) +
         0.114f * static_cast<float>(rgb[2]);
}

// One table for each channel from its histogram.
template <class F>
void look_up_by_histogram(Image& image, F&& make) {
  for (int64_t ch = 0; ch < image.channels; ++ch) {
    std::array<int64_t, 256> histogram{};
    for (size_t i = static_cast<size_t>(ch); i < image.pixels.size();
         i += static_cast<size_t>(image.channels)) {
      ++histogram[image.pixels[i]];
    }
    const Table table = make(histogram);
    for (size_t i = static_cast<size_t>(ch); i < image.pixels.size();
         i += static_cast<size_t>(image.channels)) {
      image.pixels[i] = table[image.pixels[i]];
    }
  }
}

}  // namespace

void brightness(Image& image, float factor) {
  look_up(image, make_table([&](float v) { return v * factor; }));
}

void contrast(Image& image, float factor) {
  double sum = 0;
  const int64_t pixels = image.height * image.width;
  for (int64_t i = 0; i < pixels; ++i) {
    const uint8_t* at = image.pixels.data() + i * image.channels;
    sum += static_cast<double>(image.channels >= 3 ? grey(at) : static_cast<float>(*at));
  }
  const auto mean = static_cast<float>(sum / static_cast<double>(pixels));
  look_up(image, make_table([&](float v) { return mean + (v - mean) * factor; }));
}

void saturation(Image& image, float factor) {
  if (image.channels < 3) return;
  for (int64_t i = 0; i < image.height * image.width; ++i) {
    uint8_t* at = image.pixels.data() + i * image.channels;
    const float mean = grey(at);
    for (int c = 0; c < 3; ++c) at[c] = to_byte(mean + (static_cast<float>(at[c]) - mean) * factor);
  }
}

void sharpness(Image& image, float factor, Image& scratch) {
  scratch = image;
  const int64_t c = image.channels, row = image.width * c;
  for (int64_t y = 1; y + 1 < image.height; ++y) {
    for (int64_t i = c; i < row - c; ++i) {
      const uint8_t* at = scratch.row(y) + i;
      int sum = 4 * at[0];
      for (int64_t dy : {-row, int64_t{0}, row}) {
        for (int64_t dx : {-c, int64_t{0}, c}) sum += at[dy + dx];
      }
      const float smooth = static_cast<float>(sum) / 13;
      image.row(y)[i] = to_byte(smooth + (static_cast<float>(at[0]) - smooth) * factor);
    }
  }
}

void shift_hue(Image& image, float turns) {
  if (image.channels < 3) return;
  for (int64_t i = 0; i < image.height * image.width; ++i) {
    uint8_t* at = image.pixels.data() + i * image.channels;
    const float r = at[0], g = at[1], b = at[2];
    const float high = std::max({r, g, b}), low = std::min({r, g, b}), chroma = high - low;
    if (chroma == 0) continue;
    float hue = high == r   ? (g - b) / chroma
                : high == g ? (b - r) / chroma + 2
                            : (r - g) / chroma + 4;
    hue += 6 * turns + 12;
    for (int c = 0; c < 3; ++c) {  // the sixth of the circle where channel c falls off
      const float k = std::fmod(hue + (c == 0 ? 5.0f : c == 1 ? 3.0f : 1.0f), 6.0f);
      at[c] = to_byte(high - chroma * std::clamp(std::min(k, 4 - k), 0.0f, 1.0f));
    }
  }
}

void posterize(Image& image, int bits) {
  const auto mask = static_cast<uint8_t>(0xff << (8 - bits));
  for (uint8_t& value : image.pixels) value &= mask;
}

void solarize(Image& image, int threshold) {
  for (uint8_t& value : image.pixels) value = value >= threshold ? 255 - value : value;
}

void auto_contrast(Image& image) {
  look_up_by_histogram(image, [](const auto& histogram) {
    const auto used = [](int64_t count) { return count > 0; };
    const auto low = std::find_if(histogram.begin(), histogram.end(), used) - histogram.begin();
    const auto high =
        255 - (std::find_if(histogram.rbegin(), histogram.rend(), used) - histogram.rbegin());
    const float scale = high > low ? 255.0f / static_cast<float>(high - low) : 1.0f;
    const float from = high > low ? static_cast<float>(low) : 0.0f;
    return make_table([&](float v) { return (v - from) * scale; });
  });
}

void equalize(Image& image) {
  look_up_by_histogram(image, [](const auto& histogram) {
    int64_t total = 0, last = 0;
    for (int64_t count : histogram) {
      total += count;
      if (count > 0) last = count;
    }
    const int64_t step = (total - last) / 255;
    Table table;
    int64_t sum = step / 2;
    for (size_t i = 0; i < 256; ++i) {
      table[i] = static_cast<uint8_t>(step == 0 ? static_cast<int64_t>(i)
                                                : std::min<int64_t>(255, sum / step));
      sum += histogram[i];
    }
    return table;
  });
}

}  // namespace suan::data
