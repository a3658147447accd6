// Rules of quantize, dequantize and straight_through.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/quantize.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan {

extern const OpDef quantize_op, dequantize_op, straight_through_op;

namespace {

bool is_small(DType dtype) { return is_small_float(dtype) || is_small_integer(dtype); }
bool quantizes_to(DType dtype) {
  return is_small(dtype) || (is_integer(dtype) && size_of(dtype) <= 2);
}

// The shape of scales for blocks along an axis.
Shape block_shape(const Shape& x, int axis, int64_t block) {
  Shape shape = x;
  shape[axis] = x[axis] / block + (x[axis] % block ? 1 : 0);
  return shape;
}

void check_scale(const InferContext& c, DType quantized, int axis, int64_t block) {
  const Shape &x = c.shape(0), &scale = c.shape(1);
  if (!is_float(c.dtype(1))) {
    fail(c.name(), "the scale is {}, expected a float", name(c.dtype(1)));
  }
  if (block < 0) fail(c.name(), "block is {}, expected at least 0", block);
  if (block > 0 && (axis < 0 || axis >= x.rank())) {
    fail(c.name(), "axis {} is out of range for shape {}", axis, to_string(x));
  }
  if (block > 0 && !(scale == block_shape(x, axis, block))) {
    fail(c.name(), "the scale is {}, expected {} for blocks of {} along axis {} of {}",
         to_string(scale), to_string(block_shape(x, axis, block)), block, axis, to_string(x));
  }
  if (block == 0 && !broadcasts_to(scale, x)) {
    fail(c.name(), "the scale {} does not broadcast to {}", to_string(scale), to_string(x));
  }
  if (c.has(2) && !(c.type(2) == Type(quantized, scale))) {
    fail(c.name(), "the zero point is {}, expected {}", to_string(c.type(2)),
         to_string(Type(quantized, scale)));
  }
}

std::vector<Type> infer_quantize(const InferContext& c) {
  const auto& a = c.attr<QuantizeAttrs>();
  if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
  if (!quantizes_to(a.dtype)) {
    fail(c.name(), "quantizes to {}, expected an integer of at most 16 bits or a small float",
         name(a.dtype));
  }
  check_scale(c, a.dtype, a.axis, a.block);
  return {Type(a.dtype, c.shape(0))};
}

std::vector<Type> infer_dequantize(const InferContext& c) {
  const auto& a = c.attr<DequantizeAttrs>();
  const bool wide_sum = c.dtype(0) == DType::i32;  // biases and sums of products
  if (!quantizes_to(c.dtype(0)) && !wide_sum) {
    fail(c.name(), "got {}, expected an integer of at most 16 bits, i32 or a small float",
         name(c.dtype(0)));
  }
  if (!is_float(a.dtype)) fail(c.name(), "dequantizes to {}, expected a float", name(a.dtype));
  check_scale(c, c.dtype(0), a.axis, a.block);
  return {Type(a.dtype, c.shape(0))};
}

// One number of each block of `axis`, repeated for its positions in x.
Tensor spread(const Tensor& p, const Shape& x, int axis, int64_t block) {
  if (!p || block == 0) return p;
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) (i < axis ? outer : inner) *= x[i];
  }
  const int64_t blocks = p.shape()[axis];
  const int64_t times = std::min(block, std::max<int64_t>(x[axis], 1));
  const Tensor repeated =
      broadcast_to(reshape(p, {outer, blocks, 1, inner}), {outer, blocks, times, inner});
  Shape whole = x;
  whole[axis] = blocks * times;
  return narrow(reshape(repeated, whole), axis, 0, x[axis]);
}

std::vector<Tensor> decompose_quantize(const NodePtr& n) {
  const auto& a = n->attr<QuantizeAttrs>();
  const Tensor &x = n->inputs[0], &scale = n->inputs[1];
  const Tensor zero = n->inputs.size() > 2 ? n->inputs[2] : Tensor();
  const DType within = wide(x.dtype());
  const auto whole = [&](const Tensor& p) {
    return spread(cast(p, within), x.shape(), a.axis, a.block);
  };
  Tensor y = cast(x, within) / whole(scale);
  if (!is_small_float(a.dtype)) y = round(y);
  if (zero) y = y + whole(zero);
  if (is_small_integer(a.dtype)) {  // casts to them wrap, all others saturate
    const IntegerRange range = integer_range(a.dtype);
    y = minimum(maximum(y, range.low), range.high);
  }
  return {cast(y, a.dtype, a.saturate)};
}

std::vector<Tensor> decompose_dequantize(const NodePtr& n) {
  const auto& a = n->attr<DequantizeAttrs>();
  const Tensor& q = n->inputs[0];
  const DType within = wide(a.dtype);
  const auto whole = [&](const Tensor& p) {
    return spread(cast(p, within), q.shape(), a.axis, a.block);
  };
  Tensor distance = cast(q, within);
  if (n->inputs.size() > 2 && n->inputs[2]) distance = distance - whole(n->inputs[2]);
  return {cast(distance * whole(n->inputs[1]), a.dtype)};
}

}  // namespace

IntegerRange integer_range(DType dtype) {
  if (is_small_integer(dtype)) {
    const SmallRange range = small_range(dtype);
    return {static_cast<double>(range.low), static_cast<double>(range.high)};
  }
  const double values = size_of(dtype) == 1 ? 256 : 65536;
  return is_unsigned(dtype) ? IntegerRange{0, values - 1}
                            : IntegerRange{-values / 2, values / 2 - 1};
}

const OpDef quantize_op{
    .code = Op::quantize,
    .name = "quantize",
    .doc = "Small integers for floats: q = saturate(round(x / scale) + zero).",
    .inputs = {"x", "scale", "zero?"},
    .attrs = &kAttrsType<QuantizeAttrs>,
    .infer = infer_quantize,
    .decompose = decompose_quantize,
    .precision = Precision::full,
    .flops = [](const Node& n) { return 4.0 * static_cast<double>(n.types[0].shape.numel()); },
};
const OpDef dequantize_op{
    .code = Op::dequantize,
    .name = "dequantize",
    .doc = "The floats that small integers stand for: x = (q - zero) scale.",
    .inputs = {"q", "scale", "zero?"},
    .attrs = &kAttrsType<DequantizeAttrs>,
    .infer = infer_dequantize,
    .decompose = decompose_dequantize,
    .precision = Precision::full,
    .flops = [](const Node& n) { return 2.0 * static_cast<double>(n.types[0].shape.numel()); },
};
const OpDef straight_through_op{
    .code = Op::straight_through,
    .name = "straight_through",
    .doc = "The first input's value, the second one's gradient.",
    .inputs = {"y", "like"},
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (!(c.type(0) == c.type(1))) {
        fail(c.name(), "got {} and {}, expected one type", to_string(c.type(0)),
             to_string(c.type(1)));
      }
      return {c.type(0)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> { return {Tensor(), c.grad()}; },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> { return {n->inputs[0]}; },
    .flops = [](const Node&) { return 0.0; },
};

bool multiplies_integers(const Node& product) {
  return is(product.inputs[0].node(), Op::dequantize) &&
         is(product.inputs[1].node(), Op::dequantize);
}

Tensor quantize(const Tensor& x, const Tensor& scale, const Tensor& zero, QuantizeAttrs attrs) {
  return make(quantize_op, {x, scale, zero}, attrs);
}
Tensor dequantize(const Tensor& q, const Tensor& scale, const Tensor& zero, DequantizeAttrs attrs) {
  return make(dequantize_op, {q, scale, zero}, attrs);
}
Tensor straight_through(const Tensor& y, const Tensor& like) {
  return make(straight_through_op, {y, like});
}

Tensor fake_quantize(const Tensor& x, const Tensor& scale, const Tensor& zero,
                     QuantizeAttrs attrs) {
  const Tensor y = dequantize(quantize(x, scale, zero, attrs), scale, zero,
                              {.dtype = x.dtype(), .axis = attrs.axis, .block = attrs.block});
  const IntegerRange range = integer_range(attrs.dtype);
  const auto bound = [&](double end) {
    const Tensor distance = zero ? end - cast(zero, scale.dtype()) : Tensor();
    const Tensor edge = distance ? distance * scale : end * scale;
    return cast(spread(edge, x.shape(), attrs.axis, attrs.block), x.dtype());
  };
  return straight_through(y, minimum(maximum(x, bound(range.low)), bound(range.high)));
}

}  // namespace suan
