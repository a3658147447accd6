// Observation: how the values of a graph are distributed over batches of real inputs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/histogram.h"
#include "suan/compress/run_batches.h"

namespace suan::compress {

// A histogram for each of the values, f32, over all batches (for_each_batch, which throws).
// Throws Error(kNumeric) where a value is NaN or infinite, naming the node.
std::vector<Histogram> observe(const Graph& graph, const std::vector<Tensor>& values,
                               std::span<const Batch> batches);

}  // namespace suan::compress
