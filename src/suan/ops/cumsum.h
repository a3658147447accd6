// Running sums.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct CumsumAttrs {
  int64_t axis = -1;       // negative counts from the back
  bool exclusive = false;  // leave out element i itself
  bool reverse = false;    // sum from the end
  bool operator==(const CumsumAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &CumsumAttrs::axis},
                      Field{"exclusive", &CumsumAttrs::exclusive},
                      Field{"reverse", &CumsumAttrs::reverse}};
  }
};

// y_i = sum_{j <= i} x_j along an axis (ONNX CumSum); exclusive: j < i; reverse: j >= i (j > i).
// Keeps x's dtype; integers wrap. Throws Error when the axis is out of range or x is bool.
Tensor cumsum(const Tensor& x, int64_t axis = -1, bool exclusive = false, bool reverse = false);

}  // namespace suan
