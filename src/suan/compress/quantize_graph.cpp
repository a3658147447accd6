// Plan and parameters into nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/quantize_graph.h"

#include <algorithm>
#include <unordered_map>

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
  std::unordered_map<const Node*, Tensor> replaced;  // by the constant
  for (const GraphLayer& layer : plan.layers) {
    Tensor& to = replaced[&layer.node->inputs[1].node()];
    if (layer.reason.empty() && layer.linear() && !to) to = weights(layer).dequantized();
  }
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& /*inputs*/) {
    const auto found = replaced.find(node.get());
    if (found == replaced.end() || !found->second) return std::vector<Tensor>();
    return std::vector{found->second};
  });
}

}  // namespace suan::compress
