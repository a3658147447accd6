// Arguments of the kernels in sort.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/gather_params.h"

namespace suan::cuda {

constexpr uint32_t kSortTile = 2048;  // keys of a block
constexpr uint32_t kSortBins = 256;   // of the digit that a pass sorts by

// keys[i] = sum_d i_d step_d + indices[i] axis_step; `none` for indices outside.
struct KeysParams {
  uint32_t* keys;
  uint32_t count, none;
  int64_t axis_step;
  IndexList list;
  int32_t rank, unused;
  AlongDim dims[kAlongRank];
};

// One pass of a radix sort: keys with the number of each, by the digit at `shift`. Equal digits
// keep their order. counts [bins, blocks].
struct SortParams {
  const uint32_t *keys, *order;  // no order: they are numbered as they lie
  uint32_t *keys_to, *order_to, *counts;
  uint32_t count, blocks, shift, unused;
};

}  // namespace suan::cuda
