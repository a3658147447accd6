// Quantization plan: which values of a graph get integers and who reads them. It depends on the
// graph's structure alone, so that graphs of one model for other batch sizes get the same plan.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>
#include <set>

#include "suan/compress/layers.h"

namespace suan::compress {

// Values that share scale and zero point, because ops that only move elements join them.
struct ValueGroup {
  std::vector<Tensor> sources;  // those that no such op makes
  bool by_convolution = false;  // a convolution or a residual sum reads one
};

struct QuantizationPlan {
  std::vector<GraphLayer> layers;
  std::vector<ValueGroup> groups;
  // For (node, input): the group whose integers it reads.
  std::map<std::pair<const Node*, size_t>, size_t> reads;

  // The group of a layer's input; throws std::out_of_range for a layer that stays as it is.
  size_t input_group(const GraphLayer& layer) const { return reads.at({layer.node.get(), 0}); }
};

// Inputs of convolutions and of products with constant weights; the other operand of a sum that
// follows such a convolution, where what makes it is a convolution too or its value is quantized
// anyway; and whatever these are moved from by max pooling, reshaping, transposing, slicing,
// placing and concatenating.
QuantizationPlan plan_quantization(const Graph& graph, const std::vector<std::string>& skip = {});

// The graph in which readers read `activation(value, group)` in place of the value, and layers
// `weights(layer, w)` in place of w.
Graph apply_plan(const Graph& graph, const QuantizationPlan& plan,
                 const std::function<Tensor(const Tensor& value, size_t group)>& activation,
                 const std::function<Tensor(const GraphLayer& layer, const Tensor& w)>& weights);

}  // namespace suan::compress
