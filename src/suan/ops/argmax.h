// Positions of the largest and smallest elements.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct ArgAttrs {
  int64_t axis = -1;  // negative counts from the back
  bool keep = false;  // keep the axis with size 1
  bool operator==(const ArgAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &ArgAttrs::axis}, Field{"keep", &ArgAttrs::keep}};
  }
};

// The position (i64) of the first largest element along an axis; NaN wins, as in max. Throws Error
// when the axis is out of range or empty.
Tensor argmax(const Tensor& x, int64_t axis = -1, bool keep = false);
// The same for the smallest element; NaN wins here too.
Tensor argmin(const Tensor& x, int64_t axis = -1, bool keep = false);

}  // namespace suan
