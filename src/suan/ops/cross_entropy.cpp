// Rules of cross_entropy. Its second output is the slope d loss / d logits, found in the same pass,
// so that the gradient is one multiplication. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/cross_entropy.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"

namespace suan {

extern const OpDef cross_entropy_op;

const OpDef cross_entropy_op{
    .code = Op::cross_entropy,
    .name = "cross_entropy",
    .doc = "Mean cross-entropy of softmax(logits) against integer labels, and its slope.",
    .inputs = {"logits", "labels"},
    .attrs = &kAttrsType<CrossEntropyAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Shape &x = c.shape(0), &y = c.shape(1);
      Shape rows = x;
      if (x.rank() > 0) rows.erase(x.rank() - 1);
      if (x.rank() < 1 || !(rows == y) || x.back() < 1) {
        fail(c.name(),
             "logits {} and labels {} do not fit, expected [rows..., classes] and [rows...]",
             to_string(x), to_string(y));
      }
      if (!is_float(c.dtype(0)))
        fail(c.name(), "logits are {}, expected a float", name(c.dtype(0)));
      if (c.dtype(1) != DType::i64 && c.dtype(1) != DType::i32) {
        fail(c.name(), "labels are {}, expected i64 or i32", name(c.dtype(1)));
      }
      const double s = c.attr<CrossEntropyAttrs>().label_smoothing;
      if (!(s >= 0 && s < 1)) fail(c.name(), "label_smoothing is {}, expected [0, 1)", s);
      return {Type(c.dtype(0) == DType::f64 ? DType::f64 : DType::f32, {}), c.type(0)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const Tensor& x = c.in(0);
      Tensor total;
      if (c.grads[0]) total = cast(c.grads[0], x.dtype()) * c.out(1);
      if (const Tensor& u = c.grads[1]) {
        // d slope / d logits applied to u: p (u - sum(p u)) / rows, for the rows that count.
        const Tensor p = softmax(x);
        const Tensor counted =
            not_equal(c.in(1), static_cast<double>(c.attr<CrossEntropyAttrs>().ignore_index));
        const Tensor weight = cast(counted, x.dtype()) / sum(cast(counted, x.dtype()));
        Shape column = c.in(1).shape();
        column.push_back(1);
        const Tensor second = p * (u - sum(p * u, {-1}, true)) * reshape(weight, column);
        total = total ? total + second : second;
      }
      return {total, Tensor()};
    },
    .precision = Precision::full,
    .flops = [](const Node& n) { return 6.0 * static_cast<double>(n.types[1].shape.numel()); },
};

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, CrossEntropyAttrs attrs) {
  return make(cross_entropy_op, {logits, labels}, attrs);
}

}  // namespace suan
