// Rules of logsumexp and var.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/statistics.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef logsumexp_op, var_op;

namespace {

Shape checked_shape(const InferContext& c, const ReduceAttrs& a) {
  if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
  for (int64_t axis : a.axes) {
    if (axis < 0 || axis >= c.shape(0).rank()) {
      fail(c.name(), "axis {} is out of range for shape {}", axis, to_string(c.shape(0)));
    }
    if (c.shape(0)[static_cast<int>(axis)] == 0) {
      fail(c.name(), "axis {} of {} is empty", axis, to_string(c.shape(0)));
    }
  }
  return reduced_shape(c.shape(0), a);
}

int64_t count(const Shape& shape, const std::vector<int64_t>& axes) {
  int64_t n = 1;
  for (int64_t axis : axes) n *= shape[static_cast<int>(axis)];
  return n;
}

// x, with 0 in place of infinities and NaN.
Tensor finite(const Tensor& x) { return select(is_finite(x), x, 0.0); }

}  // namespace

const OpDef logsumexp_op{
    .code = Op::logsumexp,
    .name = "logsumexp",
    .doc = "Logarithm of a sum of exponentials over axes: y = log(sum_i exp(x_i)).",
    .inputs = {"x"},
    .attrs = &kAttrsType<ReduceAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      return {Type(c.dtype(0), checked_shape(c, c.attr<ReduceAttrs>()))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& a = c.attr<ReduceAttrs>();
      const Tensor& x = c.in(0);
      return {spread(c.grad(), x.shape(), a) * exp(x - spread(finite(c.out()), x.shape(), a))};
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      const auto& a = n->attr<ReduceAttrs>();
      const Tensor& x = n->inputs[0];
      const Tensor top = finite(max(x, a.axes, true));
      const Tensor total = log(sum(exp(x - top), a.axes, true)) + top;
      return {reshape(total, n->types[0].shape)};
    },
    .precision = Precision::full,
    .flops = [](const Node& n) { return 4.0 * static_cast<double>(n.inputs[0].shape().numel()); },
};
Tensor logsumexp(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  if (x.rank() == 0 && is_float(x.dtype())) return x;
  return make(logsumexp_op, {x}, reduce_attrs(x, std::move(axes), keep, "logsumexp"));
}

const OpDef var_op{
    .code = Op::var,
    .name = "var",
    .doc = "Variance over axes: y = sum_i (x_i - mean(x))^2 / (n - correction).",
    .inputs = {"x"},
    .attrs = &kAttrsType<VarAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<VarAttrs>();
      const Shape shape = checked_shape(c, {a.axes, a.keep});
      const int64_t n = count(c.shape(0), a.axes);
      if (a.correction < 0 || n <= a.correction) {
        fail(c.name(), "correction {} does not fit {} elements", a.correction, n);
      }
      return {Type(c.dtype(0), shape)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& a = c.attr<VarAttrs>();
      const Tensor& x = c.in(0);
      const auto n = static_cast<double>(count(x.shape(), a.axes) - a.correction);
      const Tensor g = spread(c.grad(), x.shape(), {a.axes, a.keep});
      return {g * (x - mean(x, a.axes, true)) * (2.0 / n)};
    },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      const auto& a = n->attr<VarAttrs>();
      const Tensor& x = n->inputs[0];
      const auto rest = static_cast<double>(count(x.shape(), a.axes) - a.correction);
      const Tensor total = sum(square(x - mean(x, a.axes, true)), a.axes, a.keep);
      return {total * (1.0 / rest)};
    },
    .keeps_zero = true,
    .precision = Precision::full,
    .flops = [](const Node& n) { return 4.0 * static_cast<double>(n.inputs[0].shape().numel()); },
};
Tensor var(const Tensor& x, std::vector<int64_t> axes, bool keep, int64_t correction) {
  ReduceAttrs a = reduce_attrs(x, std::move(axes), keep, "var");
  return make(var_op, {x}, VarAttrs{std::move(a.axes), a.keep, correction});
}

Tensor norm(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  const Tensor total = sum(square(x), std::move(axes), keep);
  const Tensor positive = greater(total, 0.0);
  return select(positive, sqrt(select(positive, total, 1.0)), 0.0);
}

}  // namespace suan
