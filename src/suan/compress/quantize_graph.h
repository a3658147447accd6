// Quantizing a graph: quantize and dequantize nodes around its convolutions and products. The
// result is an ordinary graph that computes what integer kernels will compute.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/plan.h"
#include "suan/compress/scheme.h"
#include "suan/compress/weights.h"

namespace suan::compress {

// Each quantized layer becomes product(dequantize(quantize(x, s, z)), dequantize(w, s_w)): w i8
// constants with a scale for each output channel, s and z numbers of rank 0, params[g] for group g
// of the plan. Biases stay f32. `graph` is one that inference_graph gives.
Graph quantize_graph(const Graph& graph, const QuantizationPlan& plan,
                     const std::vector<QuantParams>& params);
// Weights alone: matmul(x, dequantize(w, s_w, z_w)) for every linear layer of the plan, and nothing
// else. `weights` gives those of a layer. What else reads the same constant (an embedding) reads
// the dequantized one too.
Graph quantize_weights_of(const Graph& graph, const QuantizationPlan& plan,
                          const std::function<QuantizedWeights(const GraphLayer& layer)>& weights);

// The content of a layer's weights.
Array weights_of(const GraphLayer& layer);

}  // namespace suan::compress
