// Running a graph over batches of inputs to look at values inside it: what calibration, error
// measurement and correction of layers are made of.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "suan/base/array.h"
#include "suan/graph/graph.h"

namespace suan::compress {

using Batch = std::vector<Array>;  // one array for each input of the graph

// Computes `values` of the graph for each batch and gives them to `visit`, in that order. Only the
// values of one batch are held. Throws Error when there is no batch, where an input has another
// type than the graph's, and Error(kNumeric) where one holds NaN or infinity.
void for_each_batch(const Graph& graph, const std::vector<Tensor>& values,
                    std::span<const Batch> batches,
                    const std::function<void(const std::vector<Array>&)>& visit);

// Samples in all batches: sizes of the first axis of the first input.
int64_t sample_count(std::span<const Batch> batches);
// What to tell a person who calibrates with this many samples; empty where they suffice.
std::string too_few_samples(int64_t samples);
void warn_of_few(std::span<const Batch> batches);  // in the log

}  // namespace suan::compress
