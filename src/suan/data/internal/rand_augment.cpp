// The operations of RandAugment with torchvision's ranges, as one table.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/internal/rand_augment.h"

#include <cmath>
#include <utility>

namespace suan::data {
namespace {

// `level` is signed for the operations with a direction.
using Op = void (*)(float level, Image& image, Image& scratch);

void warped(const Map& map, Image& image, Image& scratch) {
  warp(image, map, scratch);
  std::swap(image, scratch);
}

struct Row {
  const char* name;
  bool directed;
  Op op;
};
constexpr Row kOps[] = {
    {"identity", false, [](float, Image&, Image&) {}},
    {"shear x", true, [](float v, Image& i, Image& s) { warped({.b = 0.3f * v}, i, s); }},
    {"shear y", true, [](float v, Image& i, Image& s) { warped({.c = 0.3f * v}, i, s); }},
    {"translate x", true,
     [](float v, Image& i, Image& s) {
       warped({.dx = std::round(150.0f / 331 * static_cast<float>(i.width) * v)}, i, s);
     }},
    {"translate y", true,
     [](float v, Image& i, Image& s) {
       warped({.dy = std::round(150.0f / 331 * static_cast<float>(i.height) * v)}, i, s);
     }},
    {"rotate", true, [](float v, Image& i, Image& s) { warped(rotation(30 * v), i, s); }},
    {"brightness", true, [](float v, Image& i, Image&) { brightness(i, 1 + 0.9f * v); }},
    {"colour", true, [](float v, Image& i, Image&) { saturation(i, 1 + 0.9f * v); }},
    {"contrast", true, [](float v, Image& i, Image&) { contrast(i, 1 + 0.9f * v); }},
    {"sharpness", true, [](float v, Image& i, Image& s) { sharpness(i, 1 + 0.9f * v, s); }},
    {"posterize", false,
     [](float v, Image& i, Image&) { posterize(i, 8 - static_cast<int>(std::round(4 * v))); }},
    {"solarize", false,
     [](float v, Image& i, Image&) { solarize(i, static_cast<int>(255 * (1 - v))); }},
    {"auto contrast", false, [](float, Image& i, Image&) { auto_contrast(i); }},
    {"equalize", false, [](float, Image& i, Image&) { equalize(i); }},
};
static_assert(std::size(kOps) == kRandAugmentOps);

}  // namespace

void rand_augment_op(int op, float level, bool negate, Image& image, Image& scratch) {
  const Row& row = kOps[op];
  row.op(row.directed && negate ? -level : level, image, scratch);
}

void rand_augment_step(int magnitude, Image& image, Image& scratch, Random& random) {
  const auto op = static_cast<int>(random.randint(0, kRandAugmentOps));
  const bool negate = random.chance(0.5f);
  rand_augment_op(op, static_cast<float>(magnitude) / 30, negate, image, scratch);
}

}  // namespace suan::data
