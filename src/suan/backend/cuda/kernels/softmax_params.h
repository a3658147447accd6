// What kernels/softmax.cu takes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

struct SoftmaxParams {
  const void* x;
  void* y;
  int64_t lines, length;
  int64_t inner;   // elements between two of a line; 1: lines are rows
  int32_t log;     // the logarithm is wanted
  int32_t across;  // of columns: threads of a block side by side, a power of 2
};

}  // namespace suan::cuda
