// Both graphs over the same inputs, as one graph.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/layer_errors.h"

#include <cmath>
#include <limits>

#include "suan/compress/layers.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

// What dequantizes the layer's input, applied to the original's input.
Tensor with_errors(const Tensor& input, const Tensor& original) {
  if (!is(input.node(), Op::dequantize)) return original;
  const Node& q = input.node().inputs[0].node();
  if (!is(q, Op::quantize)) return original;
  std::vector<Tensor> inputs = q.inputs;
  inputs[0] = original;
  std::vector<Tensor> back = input.node().inputs;
  back[0] = {with_inputs(q, inputs), 0};
  return {with_inputs(input.node(), back), 0};
}

Tensor layer_alone(const Node& quantized, const Node& original) {
  std::vector<Tensor> inputs = quantized.inputs;
  inputs[0] = with_errors(inputs[0], original.inputs[0]);
  return {with_inputs(quantized, inputs), 0};
}

}  // namespace

void SignalToNoise::add(const Array& y, const Array& other) {
  const auto a = y.span<float>(), b = other.span<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    signal_ += static_cast<double>(a[i]) * a[i];
    noise_ += difference * difference;
  }
}
double SignalToNoise::decibel() const {
  if (noise_ == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal_ / noise_);
}

std::vector<ComparedLayer> compare_layers(const Graph& original, const Graph& quantized) {
  const auto others = layers_by_name(quantized);
  std::vector<ComparedLayer> layers;
  for (const GraphLayer& layer : find_layers(original)) {
    const auto other = others.find(layer.name);
    const bool fits = other != others.end() && layer.node->types[0].dtype == DType::f32 &&
                      other->second->types[0] == layer.node->types[0];
    if (!fits) continue;
    const Tensor y(layer.node, 0);
    // Attention has no weights, hence no error of its own.
    const Tensor own =
        is(*layer.node, Op::attention) ? y : layer_alone(*other->second, *layer.node);
    layers.push_back({layer.name, y, own, {other->second, 0}});
  }
  return layers;
}

std::vector<LayerError> layer_errors(const Graph& original, const Graph& quantized,
                                     std::span<const Batch> batches) {
  std::vector<LayerError> errors;
  std::vector<Tensor> values;
  for (const ComparedLayer& layer :
       compare_layers(original, on_inputs(quantized, original.inputs))) {
    errors.push_back({layer.name});
    values.insert(values.end(), {layer.original, layer.own, layer.whole});
  }
  std::vector<SignalToNoise> own(errors.size()), whole(errors.size());
  for_each_batch(original, values, batches, [&](const std::vector<Array>& arrays) {
    for (size_t i = 0; i < errors.size(); ++i) {
      own[i].add(arrays[3 * i], arrays[3 * i + 1]);
      whole[i].add(arrays[3 * i], arrays[3 * i + 2]);
    }
  });
  for (size_t i = 0; i < errors.size(); ++i) {
    errors[i].own = own[i].decibel();
    errors[i].whole = whole[i].decibel();
  }
  return errors;
}

double output_error(const Graph& original, const Graph& quantized, std::span<const Batch> batches) {
  const Graph other = on_inputs(quantized, original.inputs);
  SignalToNoise ratio;
  for_each_batch(original, {original.outputs[0], other.outputs[0]}, batches,
                 [&](const std::vector<Array>& arrays) { ratio.add(arrays[0], arrays[1]); });
  return ratio.decibel();
}

}  // namespace suan::compress
