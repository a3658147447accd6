// Quantization, and products of quantized numbers. Integers of 8 bits are multiplied as f32, in
// sums short enough to stay exact, since f32 is what the fast products take.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/backend/evaluate.h"
#include "suan/base/small_types.h"
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/quantize.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/tensor/compile.h"

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
        x, p.scale, p.zero,
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
    return {dequantize(x, p.scale, p.zero, {.dtype = dtype, .axis = p.axis, .block = p.block})};
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
  const Tensor most = maximum(max(x), 0.0), least = minimum(min(x), 0.0);
  const Tensor scale = select(equal(most, least), 1.0, most - least) / 255.0;
  const Tensor zero = round(minimum(maximum(-least / scale, 0.0), 255.0));
  return {cast(round(x / scale) + zero, DType::u8), scale, cast(zero, DType::u8)};
}

// f32 adds whole numbers exactly below this.
constexpr double kMostExact = 1 << 24;
// The largest distance of an 8-bit number from a zero point.
constexpr double kMostDistance = 255;

// Computed at once where it follows from constants.
Tensor folded(const Tensor& x) {
  return is_constant(x) ? Tensor::from(evaluate(x, current_backend())) : x;
}

// An 8-bit operand less its zero point, as whole f32 numbers.
Tensor distances(const NodeView& n, int operand, const Tensor& zero) {
  const Tensor& x = n.in(operand);
  if (x.dtype() != DType::i8 && x.dtype() != DType::u8) {
    n.fail("input {} is {}, expected i8 or u8", operand, name(x.dtype()));
  }
  if (!zero) return folded(as_f32(x));
  if (zero.dtype() != x.dtype() || !broadcasts_to(zero.shape(), x.shape())) {
    n.fail("the zero point of input {} is {}, expected it to fit {}", operand,
           to_string(zero.type()), to_string(x.type()));
  }
  return folded(as_f32(x) - as_f32(zero));
}

// The largest products that position i of an inner axis can add to an element of the result:
// `total` holds the sums of |w| that belong to it, along the last axis.
std::vector<double> term_bounds(const Tensor& w, int axis, int64_t taps) {
  const auto size = static_cast<size_t>(w.shape()[axis]);
  if (w.shape().numel() == 0 || !is_constant(w)) {
    return std::vector<double>(size, kMostDistance * kMostDistance * static_cast<double>(taps));
  }
  // [o, inner, taps...] or [..., inner, columns]: taps are added, all else is an alternative.
  std::vector<int64_t> added, others;
  for (int i = 0; i < w.rank(); ++i) {
    if (i != axis) (taps > 1 && i > axis ? added : others).push_back(i);
  }
  Tensor sums = abs(w);
  if (!added.empty()) sums = sum(sums, added, true);
  if (!others.empty()) sums = max(sums, others, true);
  const Array known = folded(cast(reshape(sums, {w.shape()[axis]}), DType::f64)).array();
  std::vector<double> bounds;
  for (double value : known.span<double>()) bounds.push_back(value * kMostDistance);
  return bounds;
}

// Where to cut the inner axis so that each part's sum stays exact: 0, ..., its size. Empty where
// one position alone may exceed that.
std::vector<int64_t> cuts(const std::vector<double>& bounds) {
  std::vector<int64_t> at{0};
  double total = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (bounds[i] >= kMostExact) return {};
    if (total + bounds[i] >= kMostExact) {
      at.push_back(static_cast<int64_t>(i));
      total = 0;
    }
    total += bounds[i];
  }
  at.push_back(static_cast<int64_t>(bounds.size()));
  return at;
}

// The sum of the parts of a product, exactly: in f32 where there is but one. Rounding whole numbers
// changes nothing, but keeps passes from moving the factors that follow into the weights.
Tensor joined(const std::vector<Tensor>& parts) {
  if (parts.size() == 1) return round(parts[0]);
  Tensor total;
  for (const Tensor& part : parts) {
    const Tensor whole = cast(part, DType::i32);
    total = total ? total + whole : whole;
  }
  return total;
}

// The matrix product of whole f32 numbers up to 255, in i32 or f32.
Tensor integer_matmul(const NodeView& n, const Tensor& a, const Tensor& b) {
  if (a.rank() == 0 || b.rank() == 0) {
    n.fail("got {} and {}, expected matrices", to_string(a.shape()), to_string(b.shape()));
  }
  const int inner = b.rank() == 1 ? 0 : b.rank() - 2;
  if (a.shape().back() != b.shape()[inner]) {
    n.fail("inner sizes differ: {} and {}", to_string(a.shape()), to_string(b.shape()));
  }
  const std::vector<int64_t> at = cuts(term_bounds(b, inner, 1));
  Tensor total;
  for (size_t i = 0; i + 1 < at.size(); ++i) {
    const Tensor left = narrow(a, -1, at[i], at[i + 1]);
    const Tensor right = folded(narrow(b, inner, at[i], at[i + 1]));
    const Tensor part = cast(matmul(left, right, MatmulAttrs{.exact = true}), DType::i32);
    total = total ? total + part : part;
  }
  return total;
}

// Zero points and scales for each row of a: [m] stands for [m, 1].
Tensor per_row(const NodeView& n, int input, const Shape& a) {
  const Tensor p = n.optional(input);
  if (!p || p.shape().numel() == 1) return p ? reshape(p, {}) : p;
  return p.rank() == 1 && a.rank() > 1 ? reshape(p, {p.shape()[0], 1}) : p;
}
// For each column of b.
Tensor per_column(const NodeView& n, int input) {
  const Tensor p = n.optional(input);
  return p && p.shape().numel() == 1 ? reshape(p, {}) : p;
}

Outputs matmul_integer(const NodeView& n) {
  const Tensor a = distances(n, 0, per_row(n, 2, n.in(0).shape()));
  const Tensor b = distances(n, 1, per_column(n, 3));
  return {cast(integer_matmul(n, a, b), DType::i32)};
}

Outputs qlinear_matmul(const NodeView& n) {
  const Shape& rows = n.in(0).shape();
  const Tensor a = distances(n, 0, per_row(n, 2, rows));
  const Tensor b = distances(n, 3, per_column(n, 5));
  for (int required : {1, 4, 6}) n.in(required);
  const Tensor factor =
      as_f32(per_row(n, 1, rows)) * as_f32(per_column(n, 4)) / as_f32(per_row(n, 6, rows));
  const Tensor zero = per_row(n, 7, rows);
  const Tensor y = as_f32(integer_matmul(n, a, b)) * folded(factor);
  const Tensor result = quantized(y, zero, zero ? zero.dtype() : n.in(0).dtype());
  if (!(result.shape() == y.shape())) n.fail("a scale has more axes than the result");
  return {result};
}

// Padding that `auto_pad` asks for, on top of strides and dilations.
void pad_same(ConvAttrs& a, const Shape& x, const Shape& w, bool upper) {
  for (int i = 2; i < x.rank(); ++i) {
    const auto d = static_cast<size_t>(i - 2);
    const int64_t size = (x[i] - 1) / a.stride[d] + 1;
    const int64_t needed = (size - 1) * a.stride[d] + (w[i] - 1) * a.dilation[d] + 1;
    const int64_t total = std::max<int64_t>(needed - x[i], 0);
    a.pad_begin[d] = upper ? total / 2 : total - total / 2;
    a.pad_end[d] = total - a.pad_begin[d];
  }
}

ConvAttrs conv_attrs(const NodeView& n, const Shape& x, const Shape& w) {
  const int spatial = x.rank() - 2;
  if (spatial < 1 || w.rank() != x.rank()) {
    n.fail("got {} and {}, expected [n, c, ...] and [m, c / group, ...]", to_string(x),
           to_string(w));
  }
  const std::vector<int64_t> kernel = n.ints("kernel_shape");
  if (!kernel.empty() && !std::equal(kernel.begin(), kernel.end(), w.begin() + 2, w.end())) {
    n.fail("kernel_shape differs from the weights {}", to_string(w));
  }
  ConvAttrs a{.stride = n.ints("strides"), .dilation = n.ints("dilations")};
  a.groups = n.i("group", 1);
  const std::vector<int64_t> pads = n.ints("pads");
  const std::string automatic = n.s("auto_pad", "NOTSET");
  if (automatic == "NOTSET" && !pads.empty()) {
    if (static_cast<int>(pads.size()) != 2 * spatial) {
      n.fail("got {} pads, expected {}", pads.size(), 2 * spatial);
    }
    a.pad_begin.assign(pads.begin(), pads.begin() + spatial);
    a.pad_end.assign(pads.begin() + spatial, pads.end());
  }
  a = complete(std::move(a), spatial, "Conv");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    pad_same(a, x, w, automatic == "SAME_UPPER");
  } else if (automatic != "NOTSET" && automatic != "VALID") {
    n.fail("auto_pad is '{}', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", automatic);
  }
  return a;
}

// The convolution of whole f32 numbers up to 255, in i32 or f32.
Tensor integer_conv(const NodeView& n, const Tensor& x, const Tensor& w) {
  ConvAttrs attrs = conv_attrs(n, x.shape(), w.shape());
  attrs.exact = true;
  const int64_t taps = w.shape().numel(2, w.rank());
  const std::vector<int64_t> at = cuts(term_bounds(w, 1, taps));
  const bool whole = at.size() == 2;
  if (!whole && (at.size() < 2 || attrs.groups != 1 || x.shape()[1] != w.shape()[1])) {
    return cast(conv(cast(x, DType::f64), folded(cast(w, DType::f64)), {}, attrs), DType::i32);
  }
  std::vector<Tensor> parts;
  for (size_t i = 0; i + 1 < at.size(); ++i) {
    const Tensor part_x = whole ? x : narrow(x, 1, at[i], at[i + 1]);
    const Tensor part_w = whole ? w : folded(narrow(w, 1, at[i], at[i + 1]));
    parts.push_back(conv(part_x, part_w, {}, attrs));
  }
  return joined(parts);
}

// A number, or one for each of the m result channels, against a tensor of this rank. The channels
// are the first axis of weights and the second of results.
Tensor per_channel(const NodeView& n, int input, int64_t m, int rank, int axis) {
  const Tensor p = n.optional(input);
  if (!p || p.shape().numel() == 1) return p ? reshape(p, {}) : p;
  if (!(p.shape() == Shape{m})) {
    n.fail("input {} is {}, expected one number or [{}]", input, to_string(p.shape()), m);
  }
  Shape shape = Shape::filled(rank, 1);
  shape[axis] = m;
  return reshape(p, shape);
}
Tensor single(const NodeView& n, int input) {
  const Tensor p = n.optional(input);
  if (p && p.shape().numel() != 1) {
    n.fail("input {} is {}, expected one number", input, to_string(p.shape()));
  }
  return p ? reshape(p, {}) : p;
}

Tensor convolved(const NodeView& n, int x, int x_zero, int w, int w_zero) {
  const Shape& shape = n.in(w).shape();
  const int64_t m = shape.rank() ? shape[0] : 1;
  return integer_conv(n, distances(n, x, single(n, x_zero)),
                      distances(n, w, per_channel(n, w_zero, m, shape.rank(), 0)));
}

Outputs conv_integer(const NodeView& n) { return {cast(convolved(n, 0, 2, 1, 3), DType::i32)}; }

Outputs qlinear_conv(const NodeView& n) {
  Tensor y = convolved(n, 0, 2, 3, 5);
  const int64_t m = y.shape()[1];
  if (n.has(8)) y = y + cast(per_channel(n, 8, m, y.rank(), 1), y.dtype());
  for (int required : {1, 4, 6}) n.in(required);
  const Tensor factor =
      as_f32(single(n, 1)) * as_f32(per_channel(n, 4, m, y.rank(), 1)) / as_f32(single(n, 6));
  const Tensor zero = single(n, 7);
  return {quantized(as_f32(y) * folded(factor), zero, zero ? zero.dtype() : n.in(0).dtype())};
}

constexpr OperatorRule kRules[] = {
    {"ConvInteger", conv_integer},
    {"DequantizeLinear", dequantize_linear},
    {"DynamicQuantizeLinear", dynamic_quantize_linear},
    {"MatMulInteger", matmul_integer},
    {"QLinearConv", qlinear_conv},
    {"QLinearMatMul", qlinear_matmul},
    {"QuantizeLinear", quantize_linear},
};

}  // namespace

std::span<const OperatorRule> quantize_rules() { return kRules; }

}  // namespace suan::onnx
