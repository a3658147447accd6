// Quantization: floats as small integers (or FP8) that share a scale and a zero point, and back.
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html, onnx__DequantizeLinear.html
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct QuantizeAttrs {
  DType dtype = DType::i8;  // of the result: an integer of at most 16 bits, or a small float
  bool saturate = true;     // of small floats: what is too large becomes the largest element
  int axis = 0;             // with blocks: along which they lie
  int64_t block = 0;        // positions of `axis` that share a scale; 0: the scale broadcasts
  bool operator==(const QuantizeAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &QuantizeAttrs::dtype},
                      Field{"saturate", &QuantizeAttrs::saturate},
                      Field{"axis", &QuantizeAttrs::axis}, Field{"block", &QuantizeAttrs::block}};
  }
};

struct DequantizeAttrs {
  DType dtype = DType::f32;  // of the result, a float
  int axis = 0;
  int64_t block = 0;
  bool operator==(const DequantizeAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &DequantizeAttrs::dtype},
                      Field{"axis", &DequantizeAttrs::axis},
                      Field{"block", &DequantizeAttrs::block}};
  }
};

// q = saturate(round(x / scale) + zero), halves to even. `scale`, a float, broadcasts against x, or
// has a number for each block of x along an axis; `zero`, of the result's dtype and the scale's
// shape, may be absent (0). Throws Error for shapes and dtypes that do not fit.
Tensor quantize(const Tensor& x, const Tensor& scale, const Tensor& zero, QuantizeAttrs attrs = {});
// x = (q - zero) scale, computed in f32 (f64 for a result in f64).
Tensor dequantize(const Tensor& q, const Tensor& scale, const Tensor& zero,
                  DequantizeAttrs attrs = {});
// The least and largest value of an integer dtype of at most 16 bits.
struct IntegerRange {
  double low, high;
};
IntegerRange integer_range(DType dtype);

// Whether a product's factors, its first two operands, both come from dequantize: it is one of
// small integers, and computes in no other precision.
bool multiplies_integers(const Node& product);

// The value of `y`, the gradient of `like`: what flows back goes to `like` as if it were y. The
// straight-through estimator of a function without a useful gradient is straight_through(f(x), x).
// Bengio, Leonard and Courville, "Estimating or propagating gradients through stochastic neurons",
// 2013. Throws Error where the types differ.
Tensor straight_through(const Tensor& y, const Tensor& like);
// dequantize(quantize(x)), whose gradient is that of clipping x to what the integers can say.
Tensor fake_quantize(const Tensor& x, const Tensor& scale, const Tensor& zero,
                     QuantizeAttrs attrs = {});

}  // namespace suan
