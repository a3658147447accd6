// What GPUs there are and which of them can be used. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cuda.h>

#include <string>

#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

int device_count(std::string& why_not);
// False, with the reason, where GPU number `index` cannot be used.
bool find_device(int index, CUdevice& device, GpuTraits& traits, std::string& why_not);

}  // namespace suan::cuda
