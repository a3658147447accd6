// Augmentations: each does what its formula says, ranges are checked, and the fast way equals the
// general one.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/data/internal/image_ops.h"
#include "suan/data/internal/rand_augment.h"
#include "suan/data/mix.h"
#include "tests/expect_error.h"

namespace suan::data {
namespace {

Image ramp(int64_t h, int64_t w, int64_t c) {
  Image image;
  image.resize(h, w, c);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<uint8_t>(i * 7 % 256);
  }
  return image;
}
Image colours(std::initializer_list<uint8_t> pixels) {
  Image image;
  image.resize(1, static_cast<int64_t>(pixels.size()) / 3, 3);
  std::copy(pixels.begin(), pixels.end(), image.pixels.begin());
  return image;
}
using Pixels = std::vector<uint8_t>;

std::vector<float> run(const AugmentPlan& plan, const Image& image, uint64_t seed) {
  std::vector<float> out(static_cast<size_t>(plan.output_shape().numel()));
  Random random(seed);
  plan.apply(image.pixels.data(), random, out.data());
  return out;
}

TEST(Augment, TheFastWayEqualsTheGeneralOne) {
  const Normalize normalize{{0.5f, 0.4f, 0.3f}, {0.2f, 0.3f, 0.4f}};
  const Image image = ramp(9, 7, 3);
  // A cutout that never happens draws its number last, and forces the general way.
  const Cutout never{.size = 1, .count = 1, .probability = 0};
  for (int64_t padding : {0, 3}) {
    const RandomCrop crop{.size = 5, .padding = padding};
    const AugmentPlan fast({{crop, HorizontalFlip{}}, normalize}, {9, 7, 3});
    const AugmentPlan slow({{crop, HorizontalFlip{}, never}, normalize}, {9, 7, 3});
    EXPECT_EQ(fast.output_shape(), (Shape{3, 5, 5}));
    for (uint64_t seed = 0; seed < 50; ++seed) {
      EXPECT_EQ(run(fast, image, seed), run(slow, image, seed)) << seed;
    }
  }
}

TEST(Augment, NormalisesEachChannel) {
  const AugmentPlan plan({{}, {{0.5f, 0, 0}, {0.5f, 1, 2}}}, {1, 1, 3});
  EXPECT_EQ(run(plan, colours({255, 51, 255}), 0), (std::vector<float>{1, 0.2f, 0.5f}));
}

TEST(Augment, CropTakesTheWindowAndZerosOutside) {
  Image out;
  crop(ramp(2, 2, 1), -1, 1, 3, 3, out);
  EXPECT_EQ(out.pixels, (Pixels{0, 0, 0, 7, 0, 0, 21, 0, 0}));
  crop(ramp(2, 2, 1), 0, -5, 2, 3, out);
  EXPECT_EQ(out.pixels, Pixels(6, 0));
}

TEST(Augment, FlipAndWarpMovePixels) {
  Image image = colours({1, 2, 3, 4, 5, 6, 7, 8, 9}), out;
  flip_horizontally(image);
  EXPECT_EQ(image.pixels, (Pixels{7, 8, 9, 4, 5, 6, 1, 2, 3}));
  warp(image, {}, out);
  EXPECT_EQ(out.pixels, image.pixels);
  warp(image, {.dx = 1}, out);
  EXPECT_EQ(out.pixels, (Pixels{4, 5, 6, 1, 2, 3, 0, 0, 0}));
  const Image square = ramp(4, 4, 1);
  Image turned = square;
  for (int i = 0; i < 4; ++i) {
    warp(turned, rotation(90), out);
    std::swap(turned, out);
    EXPECT_EQ(turned.pixels == square.pixels, i == 3);
  }
}

TEST(Augment, ResizeKeepsFlatImagesAndAveragesWhenShrinking) {
  Array image(DType::u8, {4, 6, 1});
  std::fill_n(image.as<uint8_t>(), 24, uint8_t{77});
  Pixels out(9 * 9);
  resize(image, 9, 9, out.data());
  EXPECT_EQ(out, Pixels(81, 77));
  for (int i = 0; i < 24; ++i) image.as<uint8_t>()[i] = i % 2 ? 200 : 100;
  resize(image, 1, 1, out.data());
  EXPECT_NEAR(out[0], 150, 1);
  resize(image, 4, 6, out.data());
  EXPECT_TRUE(std::equal(out.begin(), out.begin() + 24, image.as<uint8_t>()));
}

TEST(Augment, ColourOperationsFollowTheirFormulas) {
  Image image = colours({100, 150, 200, 0, 0, 0});
  brightness(image, 1.5f);
  EXPECT_EQ(image.pixels, (Pixels{150, 225, 255, 0, 0, 0}));
  image = colours({100, 100, 100, 200, 200, 200});
  contrast(image, 0.5f);
  EXPECT_EQ(image.pixels, (Pixels{125, 125, 125, 175, 175, 175}));
  image = colours({255, 0, 0});
  saturation(image, 0);
  EXPECT_EQ(image.pixels, (Pixels{76, 76, 76}));
  image = colours({255, 0, 0, 10, 200, 90, 5, 5, 5});
  shift_hue(image, 1.0f / 3);
  EXPECT_EQ(image.pixels, (Pixels{0, 255, 0, 90, 10, 200, 5, 5, 5}));
  image = colours({255, 100, 7});
  posterize(image, 4);
  EXPECT_EQ(image.pixels, (Pixels{240, 96, 0}));
  solarize(image, 96);
  EXPECT_EQ(image.pixels, (Pixels{15, 159, 0}));
  image = colours({10, 50, 9, 60, 50, 99});
  auto_contrast(image);
  EXPECT_EQ(image.pixels, (Pixels{0, 50, 0, 255, 50, 255}));
}

TEST(Augment, EqualizeSpreadsTheHistogramAndSharpnessKeepsFlatImages) {
  Image image, scratch;
  image.resize(32, 32, 1);
  for (size_t i = 0; i < 1024; ++i) image.pixels[i] = static_cast<uint8_t>(100 + i % 4);
  equalize(image);
  EXPECT_GE(*std::max_element(image.pixels.begin(), image.pixels.end()) -
                *std::min_element(image.pixels.begin(), image.pixels.end()),
            250);
  std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{90});
  sharpness(image, 1.9f, scratch);
  EXPECT_EQ(image.pixels, Pixels(1024, 90));
}

TEST(Augment, EveryRandAugmentOperationRunsOnColourAndGrey) {
  for (int op = 0; op < kRandAugmentOps; ++op) {
    for (int64_t channels : {1, 3}) {
      for (float level : {0.0f, 0.3f, 1.0f}) {
        Image image = ramp(5, 6, channels), scratch;
        rand_augment_op(op, level, true, image, scratch);
        EXPECT_EQ(image.pixels.size(), static_cast<size_t>(30 * channels)) << op;
        // At level 0 only auto contrast, equalize and posterize's rounding may change anything.
        if (level == 0 && op < 10) {
          EXPECT_EQ(image.pixels, ramp(5, 6, channels).pixels) << op;
        }
      }
    }
  }
}

TEST(Augment, CutoutPaintsTheMeanColour) {
  const AugmentPlan plan({{Cutout{.size = 100}}, {{0.5f}, {1.0f}}}, {8, 8, 1});
  for (float value : run(plan, ramp(8, 8, 1), 3)) EXPECT_NEAR(value, 0, 0.01);
}

TEST(Augment, TheSameStreamGivesTheSameImage) {
  const Augment all{RandomCrop{.padding = 4},
                    HorizontalFlip{},
                    Rotate{},
                    Affine{10, 0.1f, 0.8f, 1.2f, 10},
                    ColourJitter{0.4f, 0.4f, 0.4f, 0.1f},
                    Cutout{.size = 4},
                    RandAugment{}};
  const AugmentPlan plan(all, {16, 16, 3});
  EXPECT_EQ(run(plan, ramp(16, 16, 3), 5), run(plan, ramp(16, 16, 3), 5));
  EXPECT_NE(run(plan, ramp(16, 16, 3), 5), run(plan, ramp(16, 16, 3), 6));
}

TEST(Augment, RefusesParametersOutOfRange) {
  const auto text = [](const Augment& augment) {
    try {
      const AugmentPlan plan(augment, {8, 8, 3});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(text({RandomCrop{.size = 9}}),
            "random crop: size 9 is larger than the image of 8 x 8 with padding 0");
  EXPECT_EQ(text({RandomCrop{.padding = -1}}),
            "random crop: size and padding must not be negative, and padding at most 4096");
  EXPECT_EQ(text({HorizontalFlip{1.1f}}), "horizontal flip: probability must be in [0, 1]");
  EXPECT_EQ(text({Rotate{-1}}), "rotate: degrees must be in [0, 180]");
  EXPECT_EQ(text({Affine{.degrees = NAN}}), "affine: degrees must be in [0, 180]");
  EXPECT_EQ(text({Affine{.translate = 2}}), "affine: translate must be in [0, 1]");
  EXPECT_EQ(text({Affine{.scale_low = 2, .scale_high = 1}}),
            "affine: scales must satisfy 0.01 <= scale_low <= scale_high <= 100");
  EXPECT_EQ(text({Affine{.shear = 90}}), "affine: shear must be in [0, 80] degrees");
  EXPECT_EQ(text({ColourJitter{.contrast = 2}}),
            "colour jitter: brightness, contrast and saturation must be in [0, 1]");
  EXPECT_EQ(text({ColourJitter{.hue = 0.6f}}), "colour jitter: hue must be in [0, 0.5]");
  EXPECT_EQ(text({Cutout{.size = 0}}), "cutout: size must be at least 1 and count in 1 to 1000");
  EXPECT_EQ(text({Cutout{.probability = -1}}), "cutout: probability must be in [0, 1]");
  EXPECT_EQ(text({RandAugment{.count = 15}}), "rand augment: count must be in 0 to 14");
  EXPECT_EQ(text({RandAugment{.magnitude = 31}}), "rand augment: magnitude must be in 0 to 30");
  EXPECT_EQ(
      text({{}, Normalize{{0, 0}, {1}}}),
      "normalize: got 2 means and 1 deviations, expected 1 or one for each of the 3 channels");
  EXPECT_EQ(text({{}, Normalize{{0}, {0}}}),
            "normalize: means and deviations must be finite, and deviations positive");
}

TEST(Augment, BetaNumbersHaveTheirMeanAndVariance) {
  for (float alpha : {0.2f, 1.0f, 5.0f}) {
    Random random(7);
    double sum = 0, squares = 0;
    for (int i = 0; i < 50000; ++i) {
      const double x = sample_beta(alpha, random);
      sum += x, squares += x * x;
    }
    const double mean = sum / 50000;
    EXPECT_NEAR(mean, 0.5, 0.01);
    EXPECT_NEAR(squares / 50000 - mean * mean, 1 / (4.0 * (2 * alpha + 1)), 0.005);
  }
}

}  // namespace
}  // namespace suan::data
