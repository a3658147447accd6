// Scales of weights, and rounding to nearest.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan::compress {
namespace {

BlockParams symmetric_params(float largest, double most) {
  const auto scale = static_cast<float>(largest / most);
  return {std::isnormal(scale) ? scale : 1.0f, 0};
}
BlockParams shifted_params(float low, float high, const IntegerRange& range) {
  const auto scale = static_cast<float>((high - low) / (range.high - range.low));
  if (!std::isnormal(scale)) return {};
  const auto zero = static_cast<float>(std::nearbyint(range.low - low / scale));
  return {scale, std::clamp(zero, static_cast<float>(range.low), static_cast<float>(range.high))};
}

double squared_error(std::span<const float> values, const BlockParams& p, DType dtype) {
  double sum = 0;
  for (const float v : values) {
    const double error = (to_integer(v, p, dtype) - p.zero) * p.scale - v;
    sum += error * error;
  }
  return sum;
}

}  // namespace

WeightView weight_view(const Node& layer) {
  const Shape& shape = layer.inputs[1].shape();
  WeightView view{.shape = shape};
  const bool rows = is(layer, Op::conv) || layer.attr<MatmulAttrs>().transpose_b;
  view.channels = rows ? shape[0] : shape[1];
  view.inner = shape.numel() / std::max<int64_t>(1, view.channels);
  view.channel_step = rows ? view.inner : 1;
  view.inner_step = rows ? 1 : view.channels;
  view.inner_axis = rows ? 1 : 0;
  return view;
}

float to_integer(float value, const BlockParams& params, DType dtype) {
  const IntegerRange range = integer_range(dtype);
  const float q = std::nearbyint(value / params.scale) + params.zero;
  return std::clamp(q, static_cast<float>(range.low), static_cast<float>(range.high));
}

BlockParams block_params(std::span<const float> values, const WeightOptions& options) {
  const IntegerRange range = integer_range(options.dtype);
  float low = 0, high = 0;
  for (const float v : values) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const auto params = [&](float shrink) {
    return options.zero_points ? shifted_params(low * shrink, high * shrink, range)
                               : symmetric_params(std::max(high, -low) * shrink, range.high);
  };
  BlockParams best = params(1);
  if (!options.least_error) return best;
  constexpr int kTrials = 50;  // down to half of the range
  double least = squared_error(values, best, options.dtype);
  for (int i = 1; i < kTrials; ++i) {
    const BlockParams p = params(1 - 0.5f * static_cast<float>(i) / kTrials);
    const double error = squared_error(values, p, options.dtype);
    if (error >= least) continue;
    least = error;
    best = p;
  }
  return best;
}

void set_integer(Array& array, int64_t at, float value) {
  visit(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    array.as<T>()[at] = static_cast<T>(value);
  });
}

int64_t block_count(const WeightView& view, const WeightOptions& options) {
  return options.block == 0 ? 1 : (view.inner + options.block - 1) / options.block;
}

QuantizedWeights make_quantized(const WeightView& view, const WeightOptions& options) {
  if (options.block < 0) {
    fail("quantize", "blocks of {} weights, expected 0 or more", options.block);
  }
  QuantizedWeights w;
  w.block = options.block;
  w.axis = view.inner_axis;
  Shape scales = view.shape;
  if (options.block > 0) {
    scales[view.inner_axis] = block_count(view, options);
  } else if (view.inner_axis == 0) {
    scales = {view.channels};  // of [k, n], broadcasts along the last axis
  } else {
    for (int i = 1; i < scales.rank(); ++i) scales[i] = 1;
  }
  w.q = Array(options.dtype, view.shape);
  w.scale = Array(DType::f32, scales);
  if (options.zero_points) w.zero = Array(options.dtype, scales);
  return w;
}

void set_params(QuantizedWeights& to, const WeightView& view, int64_t channel, int64_t block,
                const BlockParams& params) {
  const int64_t blocks = to.scale.numel() / std::max<int64_t>(1, view.channels);
  const int64_t at =
      view.inner_axis == 0 ? block * view.channels + channel : channel * blocks + block;
  to.scale.as<float>()[at] = params.scale;
  if (to.zero.buffer) set_integer(to.zero, at, params.zero);
}

QuantizedWeights quantize_weights(const Array& w, const WeightView& view,
                                  const WeightOptions& options) {
  QuantizedWeights out = make_quantized(view, options);
  const int64_t blocks = block_count(view, options);
  const int64_t length = options.block == 0 ? view.inner : options.block;
  parallel_for(view.channels, 1, [&](int64_t first, int64_t last) {
    std::vector<float> values;
    for (int64_t c = first; c < last; ++c) {
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t begin = b * length, end = std::min(view.inner, begin + length);
        values.clear();
        for (int64_t k = begin; k < end; ++k) values.push_back(w.as<float>()[view.at(c, k)]);
        const BlockParams params = block_params(values, options);
        set_params(out, view, c, b, params);
        for (int64_t k = begin; k < end; ++k) {
          set_integer(out.q, view.at(c, k),
                      to_integer(values[static_cast<size_t>(k - begin)], params, options.dtype));
        }
      }
    }
  });
  return out;
}

Tensor QuantizedWeights::dequantized() const {
  const Tensor z = zero.buffer ? Tensor::from(zero) : Tensor();
  DequantizeAttrs attrs;
  if (block > 0) attrs = {.axis = axis, .block = block};
  return dequantize(Tensor::from(q), Tensor::from(scale), z, attrs);
}

}  // namespace suan::compress
