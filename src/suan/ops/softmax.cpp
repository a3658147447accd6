// Rules of softmax and log_softmax.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/softmax.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

namespace suan {

extern const OpDef softmax_op, log_softmax_op;

namespace {

std::vector<Type> infer(const InferContext& c) {
  const int64_t axis = c.attr<AxisAttrs>().axis;
  const int rank = c.shape(0).rank();
  if (axis < -rank || axis >= rank) {
    fail(c.name(), "axis {} is out of range for shape {}", axis, to_string(c.shape(0)));
  }
  if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
  return {c.type(0)};
}
double flops(const Node& n) { return 5.0 * static_cast<double>(n.types[0].shape.numel()); }

}  // namespace

const OpDef softmax_op{
    .code = Op::softmax,
    .name = "softmax",
    .doc = "Normalized exponential over one axis: y = exp(x) / sum(exp(x)).",
    .inputs = {"x"},
    .attrs = &kAttrsType<AxisAttrs>,
    .infer = infer,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const int64_t axis = c.attr<AxisAttrs>().axis;
      const Tensor gy = c.grad() * c.out();
      return {gy - c.out() * sum(gy, {axis}, true)};
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      const int64_t axis = n->attr<AxisAttrs>().axis;
      const Tensor& x = n->inputs[0];
      const Tensor e = exp(x - max(x, {axis}, true));
      return {e / sum(e, {axis}, true)};
    },
    .precision = Precision::full,
    .flops = flops,
};
Tensor softmax(const Tensor& x, int64_t axis) { return make(softmax_op, {x}, AxisAttrs{axis}); }

const OpDef log_softmax_op{
    .code = Op::log_softmax,
    .name = "log_softmax",
    .doc = "Logarithm of softmax over one axis: y = x - log(sum(exp(x))).",
    .inputs = {"x"},
    .attrs = &kAttrsType<AxisAttrs>,
    .infer = infer,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const int64_t axis = c.attr<AxisAttrs>().axis;
      return {c.grad() - exp(c.out()) * sum(c.grad(), {axis}, true)};
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      const int64_t axis = n->attr<AxisAttrs>().axis;
      const Tensor& x = n->inputs[0];
      const Tensor shifted = x - max(x, {axis}, true);
      return {shifted - log(sum(exp(shifted), {axis}, true))};
    },
    .precision = Precision::full,
    .flops = flops,
};
Tensor log_softmax(const Tensor& x, int64_t axis) {
  return make(log_softmax_op, {x}, AxisAttrs{axis});
}

}  // namespace suan
