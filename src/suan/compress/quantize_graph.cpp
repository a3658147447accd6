// Plan and parameters into nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/quantize_graph.h"

#include <algorithm>

#include "suan/ops/op.h"

namespace suan::compress {

Array weights_of(const GraphLayer& layer) {
  const Tensor& w = layer.node->inputs[1];
  return {w.dtype(), w.shape(), w.node().values[0]};
}

Graph quantize_graph(const Graph& graph, const QuantizationPlan& plan,
                     const std::vector<QuantParams>& params) {
  const auto activation = [&](const Tensor& value, size_t group) {
    return quantized(value, params[group]);
  };
  const auto weights = [](const GraphLayer& layer, const Tensor& /*w*/) {
    return quantize_weights(weights_of(layer), weight_view(*layer.node), {}).dequantized();
  };
  return apply_plan(graph, plan, activation, weights);
}

Graph quantize_weights_of(const Graph& graph, const QuantizationPlan& plan,
                          const std::function<QuantizedWeights(const GraphLayer& layer)>& weights) {
  ValueMap replaced;
  for (const GraphLayer& layer : plan.layers) {
    if (!layer.reason.empty() || !layer.linear()) continue;
    const Tensor& w = layer.node->inputs[1];
    if (!replaced.find(w)) replaced.set(w, weights(layer).dequantized());
  }
  return with_values(graph, replaced);
}

}  // namespace suan::compress
