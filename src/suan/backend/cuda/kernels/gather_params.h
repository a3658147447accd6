// Arguments of the kernels in gather.cu. Sizes and strides count pieces: an element, or as many as
// move at once. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"
#include "suan/backend/cuda/kernels/faults.h"

namespace suan::cuda {

constexpr int kAlongRank = 8;

// to[o, j, i] = from[o, indices[j], i].
struct GatherParams {
  const void* from;
  void* to;
  uint64_t count;
  Divider inner, indices;  // sizes of i and j
  IndexList list;
};

// An axis of the indices: what a step along it is in the indexed tensor.
struct AlongDim {
  Divider size;
  int64_t step;
};
// to[i] = from[sum_d i_d step_d + indices[i] axis_step], dims innermost first; the axis' own step
// among them is 0.
struct TakeParams {
  const void* from;
  void* to;
  uint64_t count;
  int64_t axis_step;
  IndexList list;
  int32_t rank, unused;
  AlongDim dims[kAlongRank];
};

// Elements within [low, high] are copied, others reported.
struct RangeParams {
  const void* from;
  void* to;
  void* fault;
  uint64_t count;
  int64_t low, high;
  int32_t step, unused;
};

}  // namespace suan::cuda
