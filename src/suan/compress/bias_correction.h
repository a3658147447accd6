// Bias correction: rounding weights shifts the mean of a layer's results; the bias takes it back.
// Nagel, van Baalen, Blankevoort and Welling, "Data-free quantization through weight equalization
// and bias correction", ICCV 2019; here with measured means.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>

#include "suan/compress/run_batches.h"

namespace suan::compress {

// For each quantized layer of `quantized`, by name, the mean error of each output channel on the
// inputs that `original`, of which it was made, has there: f32 [channels]. Throws Error as
// for_each_batch.
using BiasCorrections = std::map<std::string, Array>;
BiasCorrections bias_corrections(const Graph& original, const Graph& quantized,
                                 std::span<const Batch> batches);
// `quantized` with them added to the biases of the layers that are quantized in it; a layer without
// one gets one.
Graph correct_biases(const Graph& quantized, const BiasCorrections& corrections);

}  // namespace suan::compress
