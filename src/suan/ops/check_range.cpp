// Rules of check_range.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/check_range.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef check_range_op;

const OpDef check_range_op{
    .code = Op::check_range,
    .name = "check_range",
    .doc = "x itself; an element outside [low, high] ends the run with an error.",
    .inputs = {"x"},
    .attrs = &kAttrsType<CheckRangeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (!is_integer(c.dtype(0))) fail(c.name(), "got {}, expected integers", name(c.dtype(0)));
      return {c.type(0)};
    },
};
Tensor check_range(const Tensor& x, CheckRangeAttrs attrs) {
  return make(check_range_op, {x}, std::move(attrs));
}

}  // namespace suan
