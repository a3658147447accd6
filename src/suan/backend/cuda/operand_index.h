// Where an operand that broadcasts lies, as an expression over the position in the result.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/backend/seen_dims.h"

namespace suan::cuda {

// "at / 12 % 4 * 3 + at % 3", of unsigned type; "0" where nothing varies.
std::string offset_text(const std::vector<SeenDim>& dims, const std::string& at);

}  // namespace suan::cuda
