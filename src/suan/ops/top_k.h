// The largest elements in order, and sorting, which is the same with all of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct TopKAttrs {
  int64_t k = 1;
  int64_t axis = -1;    // negative counts from the back
  bool largest = true;  // false: the smallest, in ascending order
  bool operator==(const TopKAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"k", &TopKAttrs::k}, Field{"axis", &TopKAttrs::axis},
                      Field{"largest", &TopKAttrs::largest}};
  }
};

struct Sorted {
  Tensor values;
  Tensor indices;  // i64: values = take_along_axis(x, indices, axis)
};

// The k largest elements along an axis in descending order (or the k smallest, ascending). Of equal
// elements the earlier comes first; NaN counts as larger than all. Throws Error when the axis is
// out of range or k is not in [0, size].
Sorted top_k(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true);
// All elements in ascending (or descending) order; stable.
Sorted sort(const Tensor& x, int64_t axis = -1, bool descending = false);
// The i64 indices that sort x.
Tensor argsort(const Tensor& x, int64_t axis = -1, bool descending = false);

}  // namespace suan
