// What kernels/batch_norm.cu takes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/reduce_params.h"

namespace suan::cuda {

// Of channels [c], all f32 (f64 where x is f64): scale, shift, mean, variance, gscale, gshift.
struct BatchNormParams {
  const void *x, *g, *scale, *shift;
  void* y;  // or the gradient of x
  void *mean, *variance, *gscale, *gshift;
  double epsilon;
  int64_t channels;
  int64_t inner;   // elements of a channel side by side; 1: channels are the innermost dim
  int64_t planes;  // of `inner` elements; channels innermost: rows of `channels` elements
  int32_t across;  // channels innermost: threads of a block side by side, a power of 2
  int32_t whole;   // a block has a plane, not a warp
  // Of the sums over all of a channel.
  ReduceShape shape;
  void* partials;
};

}  // namespace suan::cuda
