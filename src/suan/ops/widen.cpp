// Rules of widen. It stays in the graph until precisions are settled, then it is a cast or nothing.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/widen.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef widen_op;

const OpDef widen_op{
    .code = Op::widen,
    .name = "widen",
    .doc = "x in f32, or f64 where it is that: y = x.",
    .inputs = {"x"},
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
      return {Type(wide(c.dtype(0)), c.shape(0))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      return {cast(c.grad(), c.in(0).dtype())};
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      return {cast(n->inputs[0], n->types[0].dtype)};
    },
    .keeps_zero = true,
    .precision = Precision::full,
    .flops = [](const Node&) { return 0.0; },
};
Tensor widen(const Tensor& x) { return make(widen_op, {x}); }

}  // namespace suan
