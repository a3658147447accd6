// Made-up numbers between -1 and 1 in a block, on which algorithms are compared and rates measured.
// Zeros would take less power, and so be faster. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <string>

#include "suan/backend/cuda/gpu.h"
#include "suan/backend/cuda/kernels/fill_params.h"

namespace suan::cuda {

// How to launch the kernel of kernels/fill.cu that writes them.
struct Noise {
  Noise(void* to, DType dtype, int64_t elements, uint64_t seed)
      : kernel("noise_" + std::string(name(dtype))), params{to, elements, seed} {
    launch.blocks[0] = static_cast<unsigned>(std::clamp<int64_t>(elements / 256, 1, 4096));
  }
  std::string kernel;
  Launch launch;
  FillParams params;
};

}  // namespace suan::cuda
