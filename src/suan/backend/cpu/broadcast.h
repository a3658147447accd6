// Broadcast operands inside a loop over a larger shape: copied run by run into a tile.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/cpu/tile.h"
#include "suan/backend/seen_dims.h"

namespace suan::cpu {

// One operand, its shape padded to the rank of the loop, as dims of the loop's physical shape
// (merged, innermost first) with stride 0 where it repeats.
struct Broadcast {
  std::vector<SeenDim> dims;
  int64_t period = 0;  // it repeats after this many elements
  LoadFunction load = nullptr;
  size_t element = 4;
};
Broadcast plan_broadcast(const Type& operand, const Shape& loop, Layout layout);

// Copies elements [start, start + n) of the loop from the operand's data into `to`, as floats.
void gather(const Broadcast& operand, const char* from, int64_t start, int64_t n, float* to);

}  // namespace suan::cpu
