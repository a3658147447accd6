// What kernels/norm.cu takes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/reduce_params.h"

namespace suan::cuda {

// Statistics, scale, shift and their gradients are f32 (f64 where x is f64). Null: absent, or not
// wanted.
struct NormParams {
  const void *x, *scale, *shift;
  void *y, *mean, *rstd;
  int64_t rows, length;
  double epsilon;
  int32_t centred;  // 0: RMS normalization, of which the mean is 0
};

struct NormGradientParams {
  const void *x, *g, *mean, *rstd, *scale;
  void *gx, *gscale, *gshift;
  int64_t rows, length;
  int32_t centred;
  // Of the sums over rows.
  ReduceShape shape;
  void* partials;
};

}  // namespace suan::cuda
