// Arguments of the kernels in pool.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"

namespace suan::cuda {

// Data lies as [outer, spatial..., inner]: outer is n c in plain layout, n where channels are last;
// inner is 1 or c, counted in pieces of several elements where those move at once. Always three
// spatial axes, the first ones of size 1 where there are fewer.
struct PoolAxis {
  Divider x, y;  // sizes
  Divider stride, dilation;
  int64_t kernel, pad;
};
struct PoolParams {
  const void *x, *g;
  void* y;
  uint16_t* chosen;  // for each window, which of its elements is the first largest
  uint64_t count;    // pieces of the result
  Divider inner;
  PoolAxis axes[3];
  double share;  // 1 / count of a window with its padding; 0: padding does not count
};

}  // namespace suan::cuda
