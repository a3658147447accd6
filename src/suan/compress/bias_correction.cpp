// Means of errors by channel, and where they are added.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/bias_correction.h"

#include <unordered_map>

#include "suan/compress/layer_errors.h"
#include "suan/compress/layers.h"
#include "suan/graph/users.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

namespace suan::compress {
namespace {

// The mean over all axes but that of the output channels.
Tensor channel_mean(const Tensor& t, const Node& layer) {
  const int channel = is(layer, Op::conv) ? 1 : t.rank() - 1;
  std::vector<int64_t> axes;
  for (int i = 0; i < t.rank(); ++i) {
    if (i != channel) axes.push_back(i);
  }
  return mean(t, axes);
}

bool is_quantized(const Node& layer) {
  return (is(layer, Op::conv) || is(layer, Op::matmul)) &&
         is(layer.inputs[1].node(), Op::dequantize);
}

Tensor sum_of(const Tensor& constant, const Array& correction) {
  Array sum(DType::f32, correction.shape);
  const float* bias = constant.node().values[0]->as<float>();
  for (int64_t c = 0; c < sum.numel(); ++c) {
    sum.as<float>()[c] = bias[c] + correction.as<float>()[c];
  }
  return Tensor::from(sum);
}

// The input of an add that is a product's bias: a constant with one element for each channel.
bool is_bias(const Tensor& t, const Array& correction) {
  return is(t.node(), Op::constant) && t.dtype() == DType::f32 && t.shape() == correction.shape;
}

}  // namespace

BiasCorrections bias_corrections(const Graph& original, const Graph& quantized,
                                 std::span<const Batch> batches) {
  std::vector<Tensor> means;
  std::vector<std::string> names;
  const Graph other = on_inputs(quantized, original.inputs);
  for (const ComparedLayer& layer : compare_layers(original, other)) {
    if (!is_quantized(layer.whole.node())) continue;
    means.push_back(channel_mean(layer.original - layer.own, layer.whole.node()));
    names.push_back(layer.name);
  }
  BiasCorrections sums;
  if (names.empty()) return sums;
  for_each_batch(original, means, batches, [&](const std::vector<Array>& arrays) {
    for (size_t i = 0; i < names.size(); ++i) {
      Array& sum = sums[names[i]];
      if (!sum.buffer) {
        sum = Array(DType::f32, arrays[i].shape);
        std::fill_n(sum.as<float>(), sum.numel(), 0.0f);
      }
      for (int64_t c = 0; c < sum.numel(); ++c) {
        sum.as<float>()[c] += arrays[i].as<float>()[c] / static_cast<float>(batches.size());
      }
    }
  });
  return sums;
}

Graph correct_biases(const Graph& quantized, const BiasCorrections& by_name) {
  std::unordered_map<const Node*, Array> corrections;
  for (const auto& [name, node] : layers_by_name(quantized)) {
    const auto found = by_name.find(name);
    if (found != by_name.end() && is_quantized(*node)) corrections[node.get()] = found->second;
  }
  const Users users(quantized);
  // Products whose bias an add is, by the add.
  std::unordered_map<const Node*, const Array*> adds;
  for (const auto& [layer, correction] : corrections) {
    const NodePtr next = users.only(*layer);
    if (is(*layer, Op::matmul) && next && is(*next, Op::add) &&
        (is_bias(next->inputs[0], correction) || is_bias(next->inputs[1], correction))) {
      adds[next.get()] = &correction;
    }
  }
  return rewrite(quantized, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> operands = inputs;
    if (const auto add = adds.find(node.get()); add != adds.end()) {
      for (Tensor& t : operands) {
        if (is_bias(t, *add->second)) t = sum_of(t, *add->second);
      }
      return std::vector<Tensor>{{with_inputs(*node, operands), 0}};
    }
    const auto found = corrections.find(node.get());
    if (found == corrections.end()) return std::vector<Tensor>();
    if (is(*node, Op::conv)) {
      operands.resize(3);
      Tensor& bias = operands[2];
      const bool known = bias && is(bias.node(), Op::constant);
      const Tensor term = Tensor::from(found->second);
      bias = known ? sum_of(bias, found->second) : bias ? bias + term : term;
      return std::vector<Tensor>{{with_inputs(*node, operands), 0}};
    }
    const Tensor y(with_inputs(*node, operands), 0);
    const NodePtr next = users.only(*node);
    const bool in_add = next && adds.contains(next.get());
    return std::vector<Tensor>{in_add ? y : y + Tensor::from(found->second)};
  });
}

}  // namespace suan::compress
