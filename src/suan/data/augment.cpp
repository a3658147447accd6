// Checking and applying the steps; crop, flip and normalise alone go in one pass through a table.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/base/error.h"
#include "suan/data/internal/image_ops.h"
#include "suan/data/internal/rand_augment.h"

namespace suan::data {
namespace {

void check(bool fits, const char* step, std::string_view what) {
  if (!fits) fail(step, "{}", what);
}
bool in(float value, float low, float high) { return value >= low && value <= high; }

// What each step does to the size of the image, after checking its parameters.
struct Checker {
  int64_t height, width;

  void operator()(const RandomCrop& s) {
    check(s.size >= 0 && s.padding >= 0 && s.padding <= 4096, "random crop",
          "size and padding must not be negative, and padding at most 4096");
    const int64_t h = s.size ? s.size : height, w = s.size ? s.size : width;
    if (h > height + 2 * s.padding || w > width + 2 * s.padding) {
      fail("random crop", "size {} is larger than the image of {} x {} with padding {}", s.size,
           width, height, s.padding);
    }
    height = h, width = w;
  }
  void operator()(const HorizontalFlip& s) const {
    check(in(s.probability, 0, 1), "horizontal flip", "probability must be in [0, 1]");
  }
  void operator()(const Rotate& s) const {
    check(in(s.degrees, 0, 180), "rotate", "degrees must be in [0, 180]");
  }
  void operator()(const Affine& s) const {
    check(in(s.degrees, 0, 180), "affine", "degrees must be in [0, 180]");
    check(in(s.translate, 0, 1), "affine", "translate must be in [0, 1]");
    check(in(s.scale_low, 0.01f, 100) && in(s.scale_high, s.scale_low, 100), "affine",
          "scales must satisfy 0.01 <= scale_low <= scale_high <= 100");
    check(in(s.shear, 0, 80), "affine", "shear must be in [0, 80] degrees");
  }
  void operator()(const ColourJitter& s) const {
    check(in(s.brightness, 0, 1) && in(s.contrast, 0, 1) && in(s.saturation, 0, 1), "colour jitter",
          "brightness, contrast and saturation must be in [0, 1]");
    check(in(s.hue, 0, 0.5f), "colour jitter", "hue must be in [0, 0.5]");
  }
  void operator()(const Cutout& s) const {
    check(s.size >= 1 && s.count >= 1 && s.count <= 1000, "cutout",
          "size must be at least 1 and count in 1 to 1000");
    check(in(s.probability, 0, 1), "cutout", "probability must be in [0, 1]");
  }
  void operator()(const RandAugment& s) const {
    check(s.count >= 0 && s.count <= 14, "rand augment", "count must be in 0 to 14");
    check(s.magnitude >= 0 && s.magnitude <= 30, "rand augment", "magnitude must be in 0 to 30");
  }
};

Map affine_map(const Affine& s, const Image& image, Random& random) {
  const float scale = 1 / random.uniform(s.scale_low, s.scale_high);
  Map map = rotation(random.uniform(-s.degrees, s.degrees));
  const float shear = std::tan(random.uniform(-s.shear, s.shear) * 0.017453293f);
  map.b += map.a * shear, map.d += map.c * shear;
  map.a *= scale, map.b *= scale, map.c *= scale, map.d *= scale;
  map.dx = random.uniform(-s.translate, s.translate) * static_cast<float>(image.width);
  map.dy = random.uniform(-s.translate, s.translate) * static_cast<float>(image.height);
  return map;
}

// Applies each step to `image`; `scratch` is another image to write to and swap.
struct Applier {
  Image &image, &scratch;
  Random& random;
  const std::array<uint8_t, 4>& mean_colour;

  void warped(const Map& map) const {
    warp(image, map, scratch);
    std::swap(image, scratch);
  }
  void operator()(const RandomCrop& s) const {
    const int64_t h = s.size ? s.size : image.height, w = s.size ? s.size : image.width;
    const int64_t top = random.randint(0, image.height + 2 * s.padding - h + 1) - s.padding;
    const int64_t left = random.randint(0, image.width + 2 * s.padding - w + 1) - s.padding;
    crop(image, top, left, h, w, scratch);
    std::swap(image, scratch);
  }
  void operator()(const HorizontalFlip& s) const {
    if (random.chance(s.probability)) flip_horizontally(image);
  }
  void operator()(const Rotate& s) const {
    warped(rotation(random.uniform(-s.degrees, s.degrees)));
  }
  void operator()(const Affine& s) const { warped(affine_map(s, image, random)); }
  void operator()(const ColourJitter& s) const {
    std::array<int, 4> order{0, 1, 2, 3};
    random.shuffle(std::span<int>(order));
    const float factors[] = {random.uniform(1 - s.brightness, 1 + s.brightness),
                             random.uniform(1 - s.contrast, 1 + s.contrast),
                             random.uniform(1 - s.saturation, 1 + s.saturation),
                             random.uniform(-s.hue, s.hue)};
    for (int i : order) {
      if (i == 0 && s.brightness > 0) brightness(image, factors[0]);
      if (i == 1 && s.contrast > 0) contrast(image, factors[1]);
      if (i == 2 && s.saturation > 0) saturation(image, factors[2]);
      if (i == 3 && s.hue > 0) shift_hue(image, factors[3]);
    }
  }
  void operator()(const Cutout& s) const {
    if (!random.chance(s.probability)) return;
    for (int i = 0; i < s.count; ++i) {
      const int64_t y = random.randint(0, image.height), x = random.randint(0, image.width);
      fill_box(image, y - s.size / 2, x - s.size / 2, s.size, mean_colour);
    }
  }
  void operator()(const RandAugment& s) const {
    for (int i = 0; i < s.count; ++i) rand_augment_step(s.magnitude, image, scratch, random);
  }
};

}  // namespace

AugmentPlan::AugmentPlan(const Augment& augment, const Shape& image)
    : steps_(augment.steps), input_(image) {
  const int64_t channels = image[2];
  Checker checker{image[0], image[1]};
  for (const ImageStep& step : steps_) std::visit(checker, step);
  output_ = {channels, checker.height, checker.width};
  const auto& [mean, deviation] = augment.normalize;
  const auto fits = [&](const std::vector<float>& values) {
    return values.size() == 1 || values.size() == static_cast<size_t>(channels);
  };
  if (!fits(mean) || !fits(deviation)) {
    fail("normalize",
         "got {} means and {} deviations, expected 1 or one for each of the {} "
         "channels",
         mean.size(), deviation.size(), channels);
  }
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    const float m = mean[mean.size() == 1 ? 0 : c];
    const float d = deviation[deviation.size() == 1 ? 0 : c];
    check(std::isfinite(m) && std::isfinite(d) && d > 0, "normalize",
          "means and deviations must be finite, and deviations positive");
    auto& table = tables_.emplace_back();
    for (size_t v = 0; v < 256; ++v) table[v] = (static_cast<float>(v) / 255 - m) / d;
    if (c < 4) mean_colour_[c] = static_cast<uint8_t>(std::clamp(m * 255 + 0.5f, 0.0f, 255.0f));
  }
  size_t used = 0;
  if (used < steps_.size() && std::holds_alternative<RandomCrop>(steps_[used])) {
    crop_ = std::get<RandomCrop>(steps_[used++]);
  }
  if (used < steps_.size() && std::holds_alternative<HorizontalFlip>(steps_[used])) {
    flip_ = std::get<HorizontalFlip>(steps_[used++]).probability;
  }
  crop_flip_only_ = used == steps_.size();
}

void AugmentPlan::apply(const uint8_t* image, Random& random, float* out) const {
  if (crop_flip_only_) return apply_crop_flip(image, random, out);
  thread_local Image work, scratch;
  work.resize(input_[0], input_[1], input_[2]);
  std::copy_n(image, work.pixels.size(), work.pixels.begin());
  for (const ImageStep& step : steps_) {
    std::visit(Applier{work, scratch, random, mean_colour_}, step);
  }
  const int64_t pixels = work.height * work.width, channels = work.channels;
  for (int64_t c = 0; c < channels; ++c) {
    const float* table = tables_[static_cast<size_t>(c)].data();
    const uint8_t* from = work.pixels.data() + c;
    for (int64_t i = 0; i < pixels; ++i) *out++ = table[from[i * channels]];
  }
}

// The same numbers in the same order as the general way draws them.
void AugmentPlan::apply_crop_flip(const uint8_t* image, Random& random, float* out) const {
  const int64_t in_h = input_[0], in_w = input_[1], channels = output_[0];
  const int64_t h = output_[1], w = output_[2];
  int64_t top = 0, left = 0;
  if (!steps_.empty() && std::holds_alternative<RandomCrop>(steps_[0])) {
    top = random.randint(0, in_h + 2 * crop_.padding - h + 1) - crop_.padding;
    left = random.randint(0, in_w + 2 * crop_.padding - w + 1) - crop_.padding;
  }
  const bool flipped = flip_ > 0 && random.chance(flip_);
  const int64_t begin = std::clamp(-left, int64_t{0}, w);
  const int64_t end = std::clamp(in_w - left, begin, w);
  for (int64_t c = 0; c < channels; ++c) {
    const float* table = tables_[static_cast<size_t>(c)].data();
    for (int64_t y = 0; y < h; ++y, out += w) {
      const int64_t source = y + top;
      if (source < 0 || source >= in_h) {
        std::fill_n(out, w, table[0]);
        continue;
      }
      const uint8_t* from = image + (source * in_w + left + begin) * channels + c;
      const int64_t count = end - begin, padded = flipped ? w - end : begin;
      std::fill_n(out, padded, table[0]);
      float* to = out + padded;
      if (flipped) {
        for (int64_t x = 0; x < count; ++x) to[x] = table[from[(count - 1 - x) * channels]];
      } else {
        for (int64_t x = 0; x < count; ++x) to[x] = table[from[x * channels]];
      }
      std::fill(to + count, out + w, table[0]);
    }
  }
}

}  // namespace suan::data
