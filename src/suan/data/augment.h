// Random changes of training images, each a small struct of its parameters, applied in order to u8
// images; the result is normalised to f32 [channels, height, width]. The same (seed, epoch, sample)
// always gives the same image.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <variant>
#include <vector>

#include "suan/base/random.h"
#include "suan/base/shape.h"

namespace suan::data {

// A random window of `size` pixels a side (0: as large as the image) after padding with zeros.
struct RandomCrop {
  int64_t size = 0, padding = 0;
};
struct HorizontalFlip {
  float probability = 0.5f;
};
// By an angle in [-degrees, degrees]; bilinear, zeros outside.
struct Rotate {
  float degrees = 15;
};
// Rotation and shear in [-degrees, degrees], a shift of up to `translate` of the size each way, and
// a scale in [scale_low, scale_high].
struct Affine {
  float degrees = 0, translate = 0, scale_low = 1, scale_high = 1, shear = 0;
};
// Factors in [1 - v, 1 + v] for the first three and a turn of the colour circle in [-hue, hue], in
// random order. Grey images keep saturation and hue.
struct ColourJitter {
  float brightness = 0, contrast = 0, saturation = 0, hue = 0;
};
// `count` squares at random centres become the mean colour. DeVries and Taylor, 2017.
struct Cutout {
  int64_t size = 16;
  int count = 1;
  float probability = 1;
};
// `count` of 14 operations, drawn with replacement, at `magnitude` of 30. Cubuk et al., 2019;
// ranges as in torchvision.
struct RandAugment {
  int count = 2, magnitude = 9;
};
using ImageStep =
    std::variant<RandomCrop, HorizontalFlip, Rotate, Affine, ColourJitter, Cutout, RandAugment>;

// (value / 255 - mean) / std for each channel; one value stands for all channels.
struct Normalize {
  std::vector<float> mean{0.0f}, std{1.0f};
};

struct Augment {
  Augment() = default;
  Augment(std::initializer_list<ImageStep> s, Normalize n = {})
      : steps(s), normalize(std::move(n)) {}
  Augment(std::vector<ImageStep> s, Normalize n) : steps(std::move(s)), normalize(std::move(n)) {}

  std::vector<ImageStep> steps;
  Normalize normalize;
};

// An Augment checked and prepared for images of one shape.
class AugmentPlan {
 public:
  // `image` is [height, width, channels]. Throws Error naming the step whose parameters are out of
  // range.
  AugmentPlan(const Augment& augment, const Shape& image);
  const Shape& output_shape() const { return output_; }  // [channels, height, width]
  // From u8 [height, width, channels]; threads may share the plan.
  void apply(const uint8_t* image, Random& random, float* out) const;

 private:
  void apply_crop_flip(const uint8_t* image, Random& random, float* out) const;
  std::vector<ImageStep> steps_;
  Shape input_, output_;
  bool crop_flip_only_ = false;
  RandomCrop crop_;
  float flip_ = 0;
  std::array<uint8_t, 4> mean_colour_{};
  std::vector<std::array<float, 256>> tables_;  // normalisation, one table for each channel
};

}  // namespace suan::data
