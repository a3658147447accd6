// Rules of arange.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/arange.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef arange_op;

const OpDef arange_op{
    .code = Op::arange,
    .name = "arange",
    .doc = "Numbers in order: y_i = start + i step.",
    .attrs = &kAttrsType<ArangeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<ArangeAttrs>();
      if (a.count < 0) fail(c.name(), "count is {}, expected at least 0", a.count);
      if (!std::isfinite(a.start) || !std::isfinite(a.step)) {
        fail(c.name(), "got start {} and step {}, expected finite numbers", a.start, a.step);
      }
      if (a.dtype == DType::boolean) fail(c.name(), "got bool, expected numbers");
      return {Type(a.dtype, {a.count})};
    },
};
Tensor arange(double start, double step, int64_t count, DType dtype) {
  return make(arange_op, {}, ArangeAttrs{start, step, count, dtype});
}
Tensor arange(int64_t count, DType dtype) { return arange(0, 1, count, dtype); }

Tensor one_hot(const Tensor& indices, int64_t count, int64_t axis, DType dtype) {
  if (!is_integer(indices.dtype())) {
    fail("one_hot", "indices are {}, expected integers", name(indices.dtype()));
  }
  const int at = normalize_axis(axis, indices.rank() + 1, "one_hot");
  Shape column = indices.shape();
  column.insert(at, 1);
  Shape classes = Shape::filled(indices.rank() + 1 - at, 1);
  classes[0] = count;
  const Tensor index = cast(reshape(indices, column), DType::i64);
  return cast(equal(index, reshape(arange(count), classes)), dtype);
}

}  // namespace suan
