// Plan and parameters into nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/quantize_graph.h"

#include <algorithm>
#include <unordered_map>

#include "suan/compress/observe.h"
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

std::vector<QuantParams> calibrate(const Graph& graph, const QuantizationPlan& plan,
                                   std::span<const std::vector<Array>> batches,
                                   const Scheme& scheme, const CalibrationOptions& options) {
  std::vector<Tensor> values;
  for (const ValueGroup& group : plan.groups) {
    values.insert(values.end(), group.sources.begin(), group.sources.end());
  }
  const std::vector<Histogram> seen = observe(graph, values, batches);
  std::vector<QuantParams> params;
  size_t next = 0;
  for (const ValueGroup& group : plan.groups) {
    Histogram all = seen[next++];
    for (size_t i = 1; i < group.sources.size(); ++i) all.add(seen[next++]);
    params.push_back(choose_params(all, group.by_convolution, scheme, options));
  }
  return params;
}

}  // namespace suan::compress
