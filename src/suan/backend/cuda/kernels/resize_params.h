// Arguments of the kernels in resize.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"

namespace suan::cuda {

// y[o, s, i] = sum of weight[k] x[o, at[k], i] over k in [first[s], first[s + 1]).
struct ResizeParams {
  const void* x;
  void* y;
  const int32_t *first, *at;
  const void* weight;  // f64 for f64, else f32
  uint64_t count;
  Divider inner, size;
  int64_t inputs;
};

}  // namespace suan::cuda
