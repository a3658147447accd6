// A stable sort of 32-bit keys on the GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "suan/backend/cuda/kernels/sort_params.h"
#include "suan/backend/cuda/own_kernel.h"

namespace suan::cuda {

class KeySort {
 public:
  KeySort() = default;
  KeySort(int64_t count, int64_t largest);  // each below 2^31

  size_t scratch_bytes() const;
  uint32_t* keys(void* scratch) const { return static_cast<uint32_t*>(scratch); }

  // Sorts what lies at keys(scratch): the keys in order, and which of them each was.
  struct Sorted {
    const uint32_t *keys, *order;
  };
  Sorted sort(Gpu& gpu, void* scratch) const;

 private:
  size_t stride() const { return (count_ + size_t{63}) / 64 * 64; }  // from one array to the next
  uint32_t count_ = 0, blocks_ = 0;
  int passes_ = 1;
  OwnKernel histogram_{"sort_count"}, scan_{"sort_scan"}, place_{"sort_place"};
};

}  // namespace suan::cuda
