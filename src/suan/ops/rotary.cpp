// Rules of rotary. Its gradient turns the other way.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/rotary.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan {

extern const OpDef rotary_op;

namespace {

// The first and second elements of x's pairs, in the dtype of the angles.
struct Pairs {
  Pairs(const Tensor& x, const Tensor& cos, bool interleaved) {
    const int64_t h = cos.shape().back();
    const Tensor turned = cast(narrow(x, -1, 0, 2 * h), cos.dtype());
    if (interleaved) {
      Shape pairs = turned.shape();
      pairs[pairs.rank() - 1] = h;
      pairs.push_back(2);
      a = take(reshape(turned, pairs), -1, 0);
      b = take(reshape(turned, pairs), -1, 1);
    } else {
      a = narrow(turned, -1, 0, h);
      b = narrow(turned, -1, h, 2 * h);
    }
  }
  Tensor a, b;
};

std::vector<Type> infer(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (!is_float(c.dtype(0)) || x.rank() < 1) {
    fail(c.name(), "x is {}, expected a float with an axis", to_string(c.type(0)));
  }
  if (c.dtype(1) != c.dtype(2) || (c.dtype(1) != c.dtype(0) && c.dtype(1) != wide(c.dtype(0)))) {
    fail(c.name(), "cos and sin are {} and {}, expected both {}", name(c.dtype(1)),
         name(c.dtype(2)), name(wide(c.dtype(0))));
  }
  const Shape& angles = c.shape(1);
  Shape rows = x;
  if (angles.rank() > 0) rows[x.rank() - 1] = angles.back();
  const bool fits = angles.rank() > 0 && angles == c.shape(2) && 2 * angles.back() <= x.back() &&
                    broadcasts_to(angles, rows);
  if (!fits) {
    fail(c.name(), "cos {} and sin {} do not fit x {}", to_string(angles), to_string(c.shape(2)),
         to_string(x));
  }
  return {c.type(0)};
}

std::vector<Tensor> decomposed(const NodePtr& n) {
  const Tensor &x = n->inputs[0], &cos = n->inputs[1], &sin = n->inputs[2];
  const bool interleaved = n->attr<RotaryAttrs>().interleaved;
  const int64_t h = cos.shape().back(), d = x.shape().back();
  const Pairs pairs(x, cos, interleaved);
  const Tensor a = pairs.a * cos - pairs.b * sin, b = pairs.b * cos + pairs.a * sin;
  Tensor turned;
  if (interleaved) {
    Shape shape = x.shape();
    shape[x.rank() - 1] = 2 * h;
    turned = reshape(stack({a, b}, -1), shape);
  } else {
    turned = concat({a, b}, -1);
  }
  turned = cast(turned, x.dtype());
  if (2 * h == d) return {turned};
  return {concat({turned, narrow(x, -1, 2 * h, d)}, -1)};
}

std::vector<Tensor> gradient(const GradContext& c) {
  const Tensor &x = c.in(0), &cos = c.in(1), &sin = c.in(2);
  const auto& attrs = c.attr<RotaryAttrs>();
  std::vector<Tensor> out(3);
  if (c.needs[0]) out[0] = rotary(c.grad(), cos, -sin, attrs);
  if (c.needs[1] || c.needs[2]) {
    const Pairs p(x, cos, attrs.interleaved), g(c.grad(), cos, attrs.interleaved);
    if (c.needs[1]) out[1] = reduce_to(g.a * p.a + g.b * p.b, cos.shape());
    if (c.needs[2]) out[2] = reduce_to(g.b * p.a - g.a * p.b, sin.shape());
  }
  return out;
}

}  // namespace

const OpDef rotary_op{
    .code = Op::rotary,
    .name = "rotary",
    .doc = "Pairs (a, b) of the last axis turned: (a cos - b sin, b cos + a sin).",
    .inputs = {"x", "cos", "sin"},
    .attrs = &kAttrsType<RotaryAttrs>,
    .infer = infer,
    .gradient = gradient,
    .decompose = decomposed,
    .precision = Precision::full,
    .flops = [](const Node& n) { return 3.0 * static_cast<double>(n.types[0].shape.numel()); },
};
Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, RotaryAttrs attrs) {
  return make(rotary_op, {x, cos, sin}, attrs);
}

Tensor rotary_embedding(const Tensor& x, const Tensor& positions, RotaryOptions options) {
  constexpr std::string_view kName = "rotary_embedding";
  if (x.rank() != 4) fail(kName, "got shape {}, expected 4 axes", to_string(x.shape()));
  const int64_t n = x.shape()[0], time = x.shape()[options.heads_inside ? 1 : 2];
  if (!is_integer(positions.dtype()) ||
      !(positions.shape() == Shape{time} || positions.shape() == Shape{n, time})) {
    fail(kName, "positions are {}, expected integers [{}] or [{}, {}]", to_string(positions.type()),
         time, n, time);
  }
  const int64_t dims = options.dims == 0 ? x.shape()[3] : options.dims;
  if (dims < 2 || dims % 2 != 0 || dims > x.shape()[3]) {
    fail(kName, "dims is {}, expected an even number from 2 to {}", dims, x.shape()[3]);
  }
  if (!(options.base > 0)) fail(kName, "base is {}, expected a positive number", options.base);
  const int64_t half = dims / 2;
  Array slowness(DType::f64, {half});
  for (int64_t i = 0; i < half; ++i) {
    slowness.as<double>()[i] =
        std::pow(options.base, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
  }
  // [n or 1, 1, time, half], or the axes of time and heads the other way round.
  const int64_t rows = positions.rank() == 1 ? 1 : n;
  const Shape shape = options.heads_inside ? Shape{rows, time, 1, 1} : Shape{rows, 1, time, 1};
  const DType dtype = wide(x.dtype());
  const Tensor angles =
      cast(reshape(positions, shape), dtype) * cast(Tensor::from(slowness), dtype);
  return rotary(x, cos(angles), sin(angles), {options.interleaved});
}

}  // namespace suan
