// Bias correction: rounding weights shifts the mean of a layer's results; the bias takes it back.
// Nagel, van Baalen, Blankevoort and Welling, "Data-free quantization through weight equalization
// and bias correction", ICCV 2019; here with measured means.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/run_batches.h"

namespace suan::compress {

// `quantized`, made of `original` (with the same inputs), with the mean error of each output
// channel of each quantized layer, on the inputs that the original graph has, added to the layer's
// bias; a layer without one gets one. Throws Error as for_each_batch.
Graph correct_biases(const Graph& original, const Graph& quantized, std::span<const Batch> batches);

}  // namespace suan::compress
