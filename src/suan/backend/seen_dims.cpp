// Strides of operands over the result's dims. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/seen_dims.h"

namespace suan {

std::vector<SeenDim> seen_dims(const Shape& operand, const Shape& result, Layout layout) {
  Shape full = operand;
  while (full.rank() < result.rank()) full.insert(0, 1);
  const Shape mine = physical_shape(full, layout), space = physical_shape(result, layout);
  const Shape strides = mine.strides();
  std::vector<SeenDim> dims;
  for (int i = space.rank() - 1; i >= 0; --i) {
    if (space[i] == 1) continue;
    const int64_t stride = mine[i] == 1 ? 0 : strides[i];
    if (!dims.empty() && stride == dims.back().stride * dims.back().size) {
      dims.back().size *= space[i];
    } else {
      dims.push_back({space[i], stride});
    }
  }
  return dims;
}

}  // namespace suan
