// Elements added around a tensor.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct PadAttrs {
  std::vector<int64_t> begin;  // elements before the first, one entry per axis
  std::vector<int64_t> end;    // and after the last
  double value = 0;
  bool operator==(const PadAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"begin", &PadAttrs::begin}, Field{"end", &PadAttrs::end},
                      Field{"value", &PadAttrs::value}};
  }
};

enum class PadMode : uint8_t {
  constant,  // a number
  reflect,   // mirrored at the first and last element, which are not repeated: c b | a b c | b a
  edge,      // the first or last element again: a a | a b c | c c
};

// x with begin[i] elements before and end[i] after along axis i (NumPy pad). Throws Error when a
// list's length differs from the rank, an entry is negative, or a reflection needs more elements
// than there are.
Tensor pad(const Tensor& x, std::vector<int64_t> begin, std::vector<int64_t> end, double value = 0);
Tensor pad(const Tensor& x, const std::vector<int64_t>& begin, const std::vector<int64_t>& end,
           PadMode mode);

}  // namespace suan
