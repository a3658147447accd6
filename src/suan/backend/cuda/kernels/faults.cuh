// Bounded reading of indices. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/device.cuh"
#include "suan/backend/cuda/kernels/faults.h"

// Index number i as a position in [0, size); -1 after reporting one outside.
__device__ inline int64_t position_of(const suan::cuda::IndexList& list, int64_t i) {
  const int64_t index =
      list.wide ? static_cast<const int64_t*>(list.at)[i] : static_cast<const int32_t*>(list.at)[i];
  if (index >= -list.size && index < list.size) return index < 0 ? index + list.size : index;
  report(static_cast<DeviceFault*>(list.fault), list.step, suan::cuda::kBadIndex, index, i,
         -list.size, list.size);
  return -1;
}
