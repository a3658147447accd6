// Weights as integers: scales for channels or for blocks along the inner axis, and the constants of
// a graph that they become.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

#include "suan/base/array.h"
#include "suan/graph/node.h"

namespace suan::compress {

// Where the elements of a layer's weights lie: w(channel, k) with k the inner axis of the product.
struct WeightView {
  int64_t channels = 0, inner = 0;
  int64_t channel_step = 0, inner_step = 0;
  Shape shape;
  int inner_axis = 1;  // along which blocks lie; of products
  int64_t at(int64_t channel, int64_t k) const { return channel * channel_step + k * inner_step; }
};
// Of a convolution [o, c, kernel...] or a product [n, k] (transpose_b) or [k, n].
WeightView weight_view(const Node& layer);

struct WeightOptions {
  DType dtype = DType::i8;
  int64_t block = 0;         // positions along k that share a scale; 0: all of a channel
  bool zero_points = false;  // else symmetric
  bool least_error = false;  // scales clip where that makes the squared error smaller
};

struct QuantizedWeights {
  Array q, scale, zero;  // `zero` without memory: none
  int axis = 0;
  int64_t block = 0;
  Tensor dequantized() const;
};

// One scale (and zero point) of a block, from its values in order.
struct BlockParams {
  float scale = 1;
  float zero = 0;
};
BlockParams block_params(std::span<const float> values, const WeightOptions& options);
// The integer of a value, as the op quantize computes it.
float to_integer(float value, const BlockParams& params, DType dtype);

// Rounds to nearest. Throws Error when the block is negative.
QuantizedWeights quantize_weights(const Array& w, const WeightView& view,
                                  const WeightOptions& options);

// Empty arrays of the right shapes, and access to the scale of a block.
QuantizedWeights make_quantized(const WeightView& view, const WeightOptions& options);
int64_t block_count(const WeightView& view, const WeightOptions& options);
void set_params(QuantizedWeights& to, const WeightView& view, int64_t channel, int64_t block,
                const BlockParams& params);
void set_integer(Array& array, int64_t at, float value);

}  // namespace suan::compress
