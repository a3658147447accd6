// Arguments of the kernels in fill.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

struct FillParams {
  void* y;
  int64_t n;      // elements
  uint64_t bits;  // of one element; noise: where the sequence begins
};
