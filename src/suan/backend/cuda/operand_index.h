// Where an operand that broadcasts lies, as an expression over the position in the result.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/graph/layout.h"
#include "suan/graph/type.h"

namespace suan::cuda {

// A dim of the result's memory as the operand sees it: innermost first, merged where it can be.
struct SeenDim {
  int64_t size, stride;  // stride 0: it repeats
};
// `result` is the logical shape of what is computed, in this layout; the operand has the same one.
std::vector<SeenDim> seen_dims(const Shape& operand, const Shape& result, Layout layout);
// "at / 12 % 4 * 3 + at % 3", of unsigned type; "0" where nothing varies.
std::string offset_text(const std::vector<SeenDim>& dims, const std::string& at);

}  // namespace suan::cuda
