// What every generated CUDA source begins with. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace suan::cuda {

// kernels/device.cuh, kernels/rows.cuh and the formulas of ops/*.table.
const std::string& kernel_prelude();

}  // namespace suan::cuda
