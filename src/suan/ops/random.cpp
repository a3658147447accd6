// Rules of the random ops.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/random.h"

#include <numbers>

#include "suan/base/error.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/slice.h"
#include "suan/ops/split.h"

namespace suan {

extern const OpDef random_uniform_op, random_normal_op;

namespace {

std::vector<Type> infer(const InferContext& c) {
  if (c.dtype(0) != DType::i64 || !(c.shape(0) == Shape{2})) {
    fail(c.name(), "key is {}, expected i64[2]", to_string(c.type(0)));
  }
  return {Type(DType::f32, c.attr<ShapeAttrs>().shape)};
}
std::vector<Tensor> no_gradient(const GradContext&) { return {Tensor()}; }

std::vector<Tensor> decompose_normal(const NodePtr& n) {
  const Shape& shape = n->types[0].shape;
  const int64_t pairs = (shape.numel() + 1) / 2;
  const auto u = split(random_uniform(n->inputs[0], {pairs, 2}), {1, 1}, 1);
  const Tensor radius = sqrt(log(1.0 - u[0]) * -2.0);
  const Tensor angle = u[1] * (2.0 * std::numbers::pi);
  const Tensor both = concat({radius * cos(angle), radius * sin(angle)}, 1);
  return {reshape(narrow(reshape(both, {2 * pairs}), 0, 0, shape.numel()), shape)};
}

}  // namespace

const OpDef random_uniform_op{
    .code = Op::random_uniform,
    .name = "random_uniform",
    .doc = "Uniform numbers in [0, 1) from Philox4x32-10 with this key.",
    .inputs = {"key"},
    .attrs = &kAttrsType<ShapeAttrs>,
    .infer = infer,
    .gradient = no_gradient,
    .random = true,
    .flops = [](const Node& n) { return 20.0 * static_cast<double>(n.types[0].shape.numel()); },
};
Tensor random_uniform(const Tensor& key, const Shape& shape) {
  return make(random_uniform_op, {key}, ShapeAttrs{shape});
}

const OpDef random_normal_op{
    .code = Op::random_normal,
    .name = "random_normal",
    .doc = "Numbers of N(0, 1) from pairs of uniform ones: sqrt(-2 log(1 - u)) (cos, sin)(2 pi v).",
    .inputs = {"key"},
    .attrs = &kAttrsType<ShapeAttrs>,
    .infer = infer,
    .gradient = no_gradient,
    .decompose = decompose_normal,
    .random = true,
    .flops = [](const Node& n) { return 40.0 * static_cast<double>(n.types[0].shape.numel()); },
};
Tensor random_normal(const Tensor& key, const Shape& shape) {
  return make(random_normal_op, {key}, ShapeAttrs{shape});
}

Tensor dropout(const Tensor& x, const Tensor& key, double p) {
  if (!(p >= 0 && p < 1)) fail("dropout", "got probability {}, expected 0 <= p < 1", p);
  return select(random_uniform(key, x.shape()) >= p, x * (1 / (1 - p)), 0.0);
}

}  // namespace suan
