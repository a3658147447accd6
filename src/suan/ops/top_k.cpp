// Rules of top_k.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/top_k.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef top_k_op;

const OpDef top_k_op{
    .code = Op::top_k,
    .name = "top_k",
    .doc = "The k largest (or smallest) elements along an axis in order, and their positions.",
    .inputs = {"x"},
    .attrs = &kAttrsType<TopKAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<TopKAttrs>();
      Shape shape = c.shape(0);
      const int axis = normalize_axis(a.axis, shape.rank(), c.name());
      if (a.k < 0 || a.k > shape[axis]) {
        fail(c.name(), "k is {}, expected 0 to {}, the size of axis {}", a.k, shape[axis], a.axis);
      }
      shape[axis] = a.k;
      return {Type(c.dtype(0), shape), Type(DType::i64, shape)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      if (!c.grads[0]) return {Tensor()};
      const Tensor& x = c.in(0);
      return {put_along_axis(zeros(x.shape(), x.dtype()), c.out(1), c.grads[0],
                             c.attr<TopKAttrs>().axis)};
    },
    .flops =
        [](const Node& n) {
          const auto count = static_cast<double>(n.inputs[0].shape().numel());
          return count * std::log2(count + 1);
        },
};
Sorted top_k(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  const NodePtr node = make_node(top_k_op, {x}, TopKAttrs{k, axis, largest});
  return {{node, 0}, {node, 1}};
}
Sorted sort(const Tensor& x, int64_t axis, bool descending) {
  const int64_t size = x.shape()[normalize_axis(axis, x.rank(), "sort")];
  return top_k(x, size, axis, descending);
}

Tensor argsort(const Tensor& x, int64_t axis, bool descending) {
  return sort(x, axis, descending).indices;
}

}  // namespace suan
