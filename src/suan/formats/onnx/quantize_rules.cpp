// Quantization of floats and back: the ops quantize and dequantize where they mean the same.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/base/small_types.h"
#include "suan/formats/onnx/internal/integer_product.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/quantize.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// What quantized numbers are computed in.
Tensor as_f32(const Tensor& x) { return cast(x, DType::f32); }

// A scale or zero point for blocks along `axis`, each repeated for the elements of its block.
Tensor per_block(const NodeView& n, const Tensor& p, const Shape& x, int axis, int64_t block) {
  Shape expected = x;
  expected[axis] = x[axis] / block + (x[axis] % block ? 1 : 0);
  if (!(p.shape() == expected)) {
    n.fail("a scale or zero point is {}, expected {} for blocks of {} along axis {} of {}",
           to_string(p.shape()), to_string(expected), block, axis, to_string(x));
  }
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : x[i];
  const int64_t times = std::min(block, std::max<int64_t>(x[axis], 1)), blocks = expected[axis];
  const Tensor repeated =
      broadcast_to(reshape(p, {outer, blocks, 1, inner}), {outer, blocks, times, inner});
  expected[axis] = blocks * times;
  return narrow(reshape(repeated, expected), axis, 0, x[axis]);
}

// A scale or zero point in a shape that broadcasts against x: one number, one for each position
// along `axis`, or one for each block of `block_size` positions.
Tensor spread(const NodeView& n, const Tensor& p, const Shape& x) {
  const int64_t block = n.i("block_size", 0);
  if (block < 0) n.fail("block_size is {}, expected at least 0", block);
  if (p.shape().numel() == 1 && (block == 0 || p.rank() == 0)) return reshape(p, {});
  const int axis = x.rank() == 1 ? 0 : axis_of(n, n.i("axis", 1), x.rank());
  if (block > 0) return per_block(n, p, x, axis, block);
  if (!(p.shape() == Shape{x[axis]})) {
    n.fail("a scale or zero point is {}, expected one number or [{}]", to_string(p.shape()),
           x[axis]);
  }
  Shape shape = Shape::filled(x.rank(), 1);
  shape[axis] = x[axis];
  return reshape(p, shape);
}

void check_zero_point(const NodeView& n, const Tensor& zero, const Tensor& scale) {
  if (zero && !(zero.shape() == scale.shape()) && zero.shape().numel() != 1) {
    n.fail("the zero point is {}, expected the scale's shape {}", to_string(zero.shape()),
           to_string(scale.shape()));
  }
}

// What quotients x / scale become: rounded to even, moved by the zero point, within the dtype.
Tensor quantized(const Tensor& quotient, const Tensor& zero, DType dtype, bool saturate = true) {
  Tensor y = cast(quotient, wide(quotient.dtype()));
  if (!is_small_float(dtype)) y = round(y);
  if (zero) y = y + cast(zero, y.dtype());
  if (is_small_integer(dtype)) {  // casts to them wrap, all others saturate
    const auto [low, high] = small_range(dtype);
    y = minimum(maximum(y, static_cast<double>(low)), static_cast<double>(high));
  }
  return cast(y, dtype, saturate);
}

DType quantized_dtype(const NodeView& n) {
  const int64_t code = n.i("output_dtype", 0);
  DType dtype = code ? dtype_of_onnx(code, "QuantizeLinear") : DType::u8;
  if (n.has(2)) {
    if (code && dtype != n.in(2).dtype()) {
      n.fail("output_dtype is {}, but the zero point is {}", name(dtype), name(n.in(2).dtype()));
    }
    dtype = n.in(2).dtype();
  }
  const bool small = is_small_float(dtype) || is_small_integer(dtype);
  if (!small && !(is_integer(dtype) && size_of(dtype) <= 2)) {
    n.fail("quantizes to {}, expected an integer of at most 16 bits or a small float", name(dtype));
  }
  return dtype;
}

// A scale or zero point as the ops quantize and dequantize take it.
struct Parameters {
  Tensor scale, zero;
  int axis = 0;
  int64_t block = 0;
};
Parameters parameters_of(const NodeView& n, const Tensor& scale, const Tensor& zero,
                         const Shape& x) {
  Parameters p;
  p.block = n.i("block_size", 0);
  if (p.block > 0 && x.rank() > 0 && scale.rank() == x.rank()) {
    p.axis = x.rank() == 1 ? 0 : axis_of(n, n.i("axis", 1), x.rank());
    per_block(n, scale, x, p.axis, p.block);  // checks the shape
    p.scale = scale;
    p.zero = zero;
  } else {
    p.block = 0;
    p.scale = spread(n, scale, x);
    if (zero) p.zero = spread(n, zero, x);
  }
  if (p.zero && !(p.zero.shape() == p.scale.shape())) {
    p.zero = broadcast_to(p.zero, p.scale.shape());
  }
  return p;
}

Outputs quantize_linear(const NodeView& n) {
  const Tensor &x = n.in(0), &scale = n.in(1), zero = n.optional(2);
  const DType dtype = quantized_dtype(n);
  const int64_t code = n.i("precision", 0);
  DType precision = code ? dtype_of_onnx(code, "QuantizeLinear") : scale.dtype();
  if (is_small_float(precision)) precision = DType::f32;
  if (!is_float(precision)) precision = DType::f64;  // whole numbers divide as real ones
  check_zero_point(n, zero, scale);
  const bool in_f32 = x.dtype() == DType::f32 && scale.dtype() == DType::f32;
  if (in_f32 && precision == DType::f32) {
    const Parameters p = parameters_of(n, scale, zero, x.shape());
    return {quantize(
        x, p.scale, zero_or_none(p.zero),
        {.dtype = dtype, .saturate = n.i("saturate", 1) != 0, .axis = p.axis, .block = p.block})};
  }
  const Tensor quotient = cast(x, precision) / cast(spread(n, scale, x.shape()), precision);
  return {quantized(quotient, zero ? spread(n, zero, x.shape()) : zero, dtype,
                    n.i("saturate", 1) != 0)};
}

Outputs dequantize_linear(const NodeView& n) {
  const Tensor &x = n.in(0), &scale = n.in(1), zero = n.optional(2);
  const int64_t code = n.i("output_dtype", 0);
  const DType dtype = code ? dtype_of_onnx(code, "DequantizeLinear") : scale.dtype();
  if (!is_float(dtype)) n.fail("dequantizes to {}, expected a float", name(dtype));
  if (zero && zero.dtype() != x.dtype()) {
    n.fail("the zero point is {}, expected {}", name(zero.dtype()), name(x.dtype()));
  }
  check_zero_point(n, zero, scale);
  const bool known = is_small_integer(x.dtype()) || is_small_float(x.dtype()) ||
                     x.dtype() == DType::i32 || (is_integer(x.dtype()) && size_of(x.dtype()) <= 2);
  if (known && scale.dtype() == DType::f32 && dtype != DType::f64) {
    const Parameters p = parameters_of(n, scale, zero, x.shape());
    const Factor q = simplest({x, p.zero});
    return {dequantize(q.q, p.scale, q.zero, {.dtype = dtype, .axis = p.axis, .block = p.block})};
  }
  Tensor distance = as_f32(x);
  if (zero) distance = distance - as_f32(spread(n, zero, x.shape()));
  return {cast(distance * as_f32(spread(n, scale, x.shape())), dtype)};
}

// To u8 with the scale and zero point that take in all of x and 0.
Outputs dynamic_quantize_linear(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (x.dtype() != DType::f32 || x.shape().numel() == 0) {
    n.fail("got {}, expected f32 with elements", to_string(x.type()));
  }
  // The least is -max(-x), since max has the fast kernels.
  const Tensor most = maximum(max(x), 0.0), least = minimum(-max(-x), 0.0);
  const Tensor scale = select(equal(most, least), 1.0, most - least) / 255.0;
  const Tensor zero = round(minimum(maximum(-least / scale, 0.0), 255.0));
  return {cast(round(x / scale) + zero, DType::u8), scale, cast(zero, DType::u8)};
}

constexpr OperatorRule kRules[] = {
    {"DequantizeLinear", dequantize_linear},
    {"DynamicQuantizeLinear", dynamic_quantize_linear},
    {"QuantizeLinear", quantize_linear},
    // As onnxruntime writes them for 16 bits, before opset 21 has these.
    {"com.microsoft.DequantizeLinear", dequantize_linear},
    {"com.microsoft.QuantizeLinear", quantize_linear},
};

}  // namespace

std::span<const OperatorRule> quantize_rules() { return kRules; }

}  // namespace suan::onnx
