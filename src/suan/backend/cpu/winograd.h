// Convolutions by Winograd's F(4x4, 3x3): a tile of 4 x 4 results takes 36 products for each pair
// of channels instead of 144 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// CVPR 2016). Relative error about 1e-6, where direct summation has 2e-7.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

// conv and regions of a sum and relu after one: f32, constant 3x3 weights, stride 1, blocked data.
const char* tiled_winograd_why_not(const Node& node);
const char* tiled_winograd_likely_slower(const Node& node);
std::unique_ptr<Call> make_tiled_winograd_call(const Node& node);

}  // namespace suan::cpu
