// Rules of argmax and argmin.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/argmax.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

namespace suan {

extern const OpDef argmax_op, argmin_op;

namespace {

std::vector<Type> infer(const InferContext& c) {
  const auto& a = c.attr<ArgAttrs>();
  const int axis = normalize_axis(a.axis, c.shape(0).rank(), c.name());
  if (c.shape(0)[axis] == 0)
    fail(c.name(), "axis {} of {} is empty", a.axis, to_string(c.shape(0)));
  return {Type(DType::i64, reduced_shape(c.shape(0), {{axis}, a.keep}))};
}
std::vector<Tensor> no_gradient(const GradContext&) { return {Tensor()}; }
double flops(const Node& n) { return static_cast<double>(n.inputs[0].shape().numel()); }

}  // namespace

const OpDef argmax_op{
    .code = Op::argmax,
    .name = "argmax",
    .doc = "Position of the first largest element along an axis; NaN wins.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ArgAttrs>,
    .infer = infer,
    .gradient = no_gradient,
    .flops = flops,
};
Tensor argmax(const Tensor& x, int64_t axis, bool keep) {
  return make(argmax_op, {x}, ArgAttrs{axis, keep});
}

const OpDef argmin_op{
    .code = Op::argmin,
    .name = "argmin",
    .doc = "Position of the first smallest element along an axis; NaN wins.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ArgAttrs>,
    .infer = infer,
    .gradient = no_gradient,
    .flops = flops,
};
Tensor argmin(const Tensor& x, int64_t axis, bool keep) {
  return make(argmin_op, {x}, ArgAttrs{axis, keep});
}

}  // namespace suan
