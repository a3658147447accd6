// A generated set of handwritten-looking digits in MNIST's format, for a first training without any
// download. Sample i of a seed is always the same picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/data/dataset.h"

namespace suan::data {

// One digit 0 to 9 as 28 x 28 grey pixels, ink 255: strokes of a drawn style, bent, slanted and
// thickened at random, fitted to a box of 20 x 20 pixels and centred by its mass, as MNIST was.
void draw_digit(int digit, Random& random, uint8_t* pixels);

// `count` digits u8 [count, 28, 28, 1], sample i showing i mod 10.
std::shared_ptr<ArrayDataset> digits(int64_t count, uint64_t seed = 0);

}  // namespace suan::data
