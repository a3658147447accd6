// Rules of cumsum; its gradient is the same sum from the other end.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/cumsum.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef cumsum_op;

const OpDef cumsum_op{
    .code = Op::cumsum,
    .name = "cumsum",
    .doc = "Running sum along an axis: y_i = sum_{j <= i} x_j.",
    .inputs = {"x"},
    .attrs = &kAttrsType<CumsumAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      normalize_axis(c.attr<CumsumAttrs>().axis, c.shape(0).rank(), c.name());
      if (c.dtype(0) == DType::boolean) fail(c.name(), "got bool, expected numbers");
      return {c.type(0)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& a = c.attr<CumsumAttrs>();
      return {cumsum(c.grad(), a.axis, a.exclusive, !a.reverse)};
    },
    .keeps_zero = true,
    .precision = Precision::full,
};
Tensor cumsum(const Tensor& x, int64_t axis, bool exclusive, bool reverse) {
  return make(cumsum_op, {x}, CumsumAttrs{axis, exclusive, reverse});
}

}  // namespace suan
