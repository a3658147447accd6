// One drawn operation of RandAugment.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/base/random.h"
#include "suan/data/internal/image_ops.h"

namespace suan::data {

inline constexpr int kRandAugmentOps = 14;

void rand_augment_step(int magnitude, Image& image, Image& scratch, Random& random);
// Operation `op` of 0 to 13 at `level` in [0, 1], negated where the operation has a direction.
void rand_augment_op(int op, float level, bool negate, Image& image, Image& scratch);

}  // namespace suan::data
