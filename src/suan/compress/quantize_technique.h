// The technique "quantize" of a recipe: training with weights and activations rounded to integers
// (compress/qat.h). It begins on trained weights, those of `train.from`.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/train/technique.h"

namespace suan::compress {

// Options: samples (512), of the training set, to calibrate with; calibrator ("mse") and percent
// (99.99), as in compress/calibrators.h; symmetric (false): i8 without zero points everywhere, as
// GPUs want it; skip (""): layers that stay as they are, separated by commas. Throws Error for
// others.
std::unique_ptr<train::Technique> make_quantize_technique(const train::Options& options);

}  // namespace suan::compress
