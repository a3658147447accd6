// What every generated CUDA source begins with. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace suan::cuda {

// The text of kernels/device.cuh and kernels/rows.cuh.
std::string kernel_prelude();

}  // namespace suan::cuda
