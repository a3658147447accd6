// GPTQ: rounding weights one position after the other, each error made good by the weights that are
// still to come. Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ: Accurate post-training
// quantization for generative pre-trained transformers", 2022.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/layers.h"
#include "suan/compress/run_batches.h"
#include "suan/compress/weights.h"

namespace suan::compress {

// For each layer, which is linear, sum x x^T over the rows x of its inputs: f32 [k, k].
std::vector<Array> hessians(const Graph& graph, const std::vector<GraphLayer>& layers,
                            std::span<const Batch> batches);

// Weights that keep w x for inputs of this Hessian: min sum ||w x - w' x||^2, greedily. The
// diagonal is raised by 1 % of its mean. Scales are those of block_params for the weights as they
// are when a block begins.
QuantizedWeights gptq(const Array& w, const WeightView& view, const Array& hessian,
                      const WeightOptions& options);

}  // namespace suan::compress
