// Products of 8-bit integers: MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv. Scales
// stand behind the product, as these operators say it: sums are exact whatever computes them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/integer_product.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

// What quantized numbers are computed in.
Tensor as_f32(const Tensor& x) { return cast(x, DType::f32); }

// Numbers in units of the result's scale, rounded to even, moved by the zero point, within the
// dtype.
Tensor in_units(const NodeView& n, const Tensor& y, const Tensor& zero) {
  if (zero && !broadcasts_to(zero.shape(), y.shape())) {
    n.fail("a zero point has more axes than the result");
  }
  const DType dtype = zero ? zero.dtype() : n.in(0).dtype();
  const Tensor unit = full(1, zero ? zero.shape() : Shape{}, DType::f32);
  return quantize(y, unit, zero, {.dtype = dtype});
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
  const Factor a = data_factor(n, 0, per_row(n, 2, n.in(0).shape()));
  return {cast(integer_matmul(n, a, weight_factor(n, 1, per_column(n, 3))), DType::i32)};
}

Outputs qlinear_matmul(const NodeView& n) {
  const Shape& rows = n.in(0).shape();
  const Factor a = data_factor(n, 0, per_row(n, 2, rows));
  const Factor b = weight_factor(n, 3, per_column(n, 5));
  for (int required : {1, 4, 6}) n.in(required);
  const Tensor factor =
      as_f32(per_row(n, 1, rows)) * as_f32(per_column(n, 4)) / as_f32(per_row(n, 6, rows));
  const Tensor product = as_f32(integer_matmul(n, a, b));
  const Tensor y = product * folded(factor);
  if (!(y.shape() == product.shape())) n.fail("a scale has more axes than the result");
  return {in_units(n, y, per_row(n, 7, rows))};
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
  const ConvAttrs attrs = conv_attrs(n, n.in(x).shape(), shape);
  return integer_conv(data_factor(n, x, single(n, x_zero)),
                      weight_factor(n, w, per_channel(n, w_zero, m, shape.rank(), 0)), attrs);
}

Outputs conv_integer(const NodeView& n) { return {cast(convolved(n, 0, 2, 1, 3), DType::i32)}; }

Outputs qlinear_conv(const NodeView& n) {
  Tensor y = convolved(n, 0, 2, 3, 5);
  const int64_t m = y.shape()[1];
  if (n.has(8)) y = y + folded(cast(per_channel(n, 8, m, y.rank(), 1), y.dtype()));
  for (int required : {1, 4, 6}) n.in(required);
  const Tensor factor =
      as_f32(single(n, 1)) * as_f32(per_channel(n, 4, m, y.rank(), 1)) / as_f32(single(n, 6));
  return {in_units(n, as_f32(y) * folded(factor), single(n, 7))};
}

constexpr OperatorRule kRules[] = {
    {"ConvInteger", conv_integer},
    {"MatMulInteger", matmul_integer},
    {"QLinearConv", qlinear_conv},
    {"QLinearMatMul", qlinear_matmul},
};

}  // namespace

std::span<const OperatorRule> integer_rules() { return kRules; }

}  // namespace suan::onnx
