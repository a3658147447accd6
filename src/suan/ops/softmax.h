// Softmax and its logarithm.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct AxisAttrs {
  int64_t axis = -1;  // negative counts from the back
  bool operator==(const AxisAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"axis", &AxisAttrs::axis}}; }
};

// Softmax over one axis: y = exp(x - max(x)) / sum(exp(x - max(x))). Throws Error when the axis is
// out of range or x is not a float.
Tensor softmax(const Tensor& x, int64_t axis = -1);
// y = x - max(x) - log(sum(exp(x - max(x)))) over one axis.
Tensor log_softmax(const Tensor& x, int64_t axis = -1);

}  // namespace suan
