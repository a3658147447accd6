// Mixing pairs of samples of a batch: the labels become shares of classes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <variant>

#include "suan/base/array.h"
#include "suan/base/random.h"

namespace suan::data {

// x = l x1 + (1 - l) x2 with l from Beta(alpha, alpha). Zhang et al., 2018.
struct Mixup {
  float alpha = 0.2f;
};
// A box of x2 with a share 1 - l of the area goes into x1. Yun et al., 2019.
struct CutMix {
  float alpha = 1;
};
using Mix = std::variant<std::monostate, Mixup, CutMix>;

// Throws Error unless 0 < alpha <= 100.
void check_mix(const Mix& mix);
// A number of Beta(alpha, alpha), by two gamma numbers of Marsaglia and Tsang, 2000.
float sample_beta(float alpha, Random& random);

// Mixes sample i of x, f32 [n, c, h, w], with sample n - 1 - i in place, one l for the batch;
// `soft`, f32 [n, classes], gets the shares for the labels i64 [n].
void mix_batch(const Mix& mix, const Array& x, const Array& labels, const Array& soft,
               Random& random);

}  // namespace suan::data
