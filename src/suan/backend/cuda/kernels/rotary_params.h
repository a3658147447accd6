// Arguments of the kernels in rotary.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"

namespace suan::cuda {

constexpr int kRotaryRank = 8;

// An axis of the rows, innermost first: what a step along it is among the angles.
struct RotaryDim {
  Divider size;
  int64_t step;
};
struct RotaryParams {
  const void *x, *cos, *sin;
  void* y;
  uint64_t count;        // of threads' work: several pairs, or as many elements that stay
  Divider row_units;     // of a row
  int64_t half, length;  // pairs that turn and elements of a row
  int32_t interleaved, rank;
  RotaryDim dims[kRotaryRank];
};

}  // namespace suan::cuda
