// Changing weights by channel.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/channel_scales.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "suan/ops/conv.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

ChannelView view_along(const Shape& shape, int axis) {
  ChannelView view{.channels = shape[axis]};
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != axis) (i < axis ? view.outer : view.inner) *= shape[i];
  }
  return view;
}

template <class F>
void for_each(const ChannelView& view, F f) {
  for (int64_t i = 0, at = 0; i < view.outer; ++i) {
    for (int64_t c = 0; c < view.channels; ++c) {
      for (int64_t k = 0; k < view.inner; ++k, ++at) f(at, static_cast<size_t>(c));
    }
  }
}

}  // namespace

Array& changed(NewConstants& constants, const Tensor& constant) {
  Array& array = constants[&constant.node()];
  if (!array.buffer) {
    array = Array(constant.dtype(), constant.shape());
    std::memcpy(array.buffer->data(), constant.node().values[0]->data(), array.bytes());
  }
  return array;
}

Graph with_new_constants(const Graph& graph, const NewConstants& constants) {
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& /*inputs*/) {
    const auto found = constants.find(node.get());
    if (found == constants.end()) return std::vector<Tensor>();
    return std::vector{Tensor::from(found->second)};
  });
}

ChannelView output_channels(const Node& layer) {
  const bool first = is(layer, Op::conv) || layer.attr<MatmulAttrs>().transpose_b;
  return view_along(layer.inputs[1].shape(), first ? 0 : 1);
}

ChannelView input_channels(const Node& layer) {
  const Shape& w = layer.inputs[1].shape();
  if (is(layer, Op::matmul)) return view_along(w, layer.attr<MatmulAttrs>().transpose_b ? 1 : 0);
  const int64_t groups = layer.attr<ConvAttrs>().groups;
  if (groups == 1) return view_along(w, 1);
  const bool depthwise = w[1] == 1 && w[0] == groups;  // output channel i is of input i
  return depthwise ? view_along(w, 0) : ChannelView();
}

void multiply(Array& weights, const ChannelView& view, const std::vector<double>& factors) {
  float* w = weights.as<float>();
  for_each(view, [&](int64_t at, size_t c) { w[at] = static_cast<float>(w[at] * factors[c]); });
}

std::vector<double> magnitudes(const Array& weights, const ChannelView& view) {
  std::vector<double> largest(static_cast<size_t>(view.channels), 0.0);
  const float* w = weights.as<float>();
  for_each(view, [&](int64_t at, size_t c) {
    largest[c] = std::max<double>(largest[c], std::abs(w[at]));
  });
  return largest;
}

}  // namespace suan::compress
