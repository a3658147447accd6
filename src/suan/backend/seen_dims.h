// An operand that broadcasts, as a loop over the result's memory sees it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/graph/layout.h"

namespace suan {

// Strides of a row-major operand along the axes of a result of that rank, 0 where it repeats.
Shape seen_strides(const Shape& operand, int rank);

// A dim of the result's memory as the operand sees it: innermost first, merged where it can be.
struct SeenDim {
  int64_t size, stride;  // stride 0: it repeats
};
// `result` is the logical shape of what is computed, in this layout; the operand has the same one.
std::vector<SeenDim> seen_dims(const Shape& operand, const Shape& result, Layout layout);

}  // namespace suan
