// Strides of operands over the result's dims. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/seen_dims.h"

namespace suan {

Shape seen_strides(const Shape& operand, int rank) {
  const Shape strides = operand.strides();
  Shape seen = Shape::filled(rank, 0);
  const int missing = rank - operand.rank();
  for (int i = 0; i < operand.rank(); ++i) {
    if (operand[i] != 1) seen[missing + i] = strides[i];
  }
  return seen;
}

std::vector<SeenDim> seen_dims(const Shape& operand, const Shape& result, Layout layout) {
  Shape full = operand;
  while (full.rank() < result.rank()) full.insert(0, 1);
  const Shape mine = physical_shape(full, layout), space = physical_shape(result, layout);
  const Shape strides = seen_strides(mine, space.rank());
  std::vector<SeenDim> dims;
  for (int i = space.rank() - 1; i >= 0; --i) {
    if (space[i] == 1) continue;
    const int64_t stride = strides[i];
    if (!dims.empty() && stride == dims.back().stride * dims.back().size) {
      dims.back().size *= space[i];
    } else {
      dims.push_back({space[i], stride});
    }
  }
  return dims;
}

}  // namespace suan
