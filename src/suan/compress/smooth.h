// SmoothQuant: a few channels of activations have large outliers; dividing them in the norm before
// and multiplying the weights after it spreads the difficulty over both. Xiao et al., "SmoothQuant:
// Accurate and efficient post-training quantization for large language models", ICML 2023.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/run_batches.h"

namespace suan::compress {

// A graph that computes the same. Of each layer norm or RMS norm with constant scale whose result
// only linear layers read, channel j is divided by s_j = max|x_j|^alpha / max|w_j|^(1 - alpha),
// with x over the batches and w over these layers. `graph` is one that inference_graph gives.
// Throws Error unless alpha is in (0, 1), and as for_each_batch.
Graph smooth(const Graph& graph, std::span<const Batch> batches, double alpha = 0.5);

}  // namespace suan::compress
