// What kernels/cumsum.cu takes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

struct CumsumParams {
  const void* x;
  void* y;
  int64_t lines, length;
  int64_t inner;  // elements between two of a line; 1: lines are rows
  int32_t exclusive, reverse;
};

}  // namespace suan::cuda
