// NVRTC: from CUDA source text to machine code, at run time. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace suan::cuda {

std::string why_no_nvrtc();  // "" where it is there
int nvrtc_version();         // 13000; 0 where it is not there

// Machine code for the compute capability, or PTX where the compiler does not know it. Throws
// Error(kSystem) with the compiler's first message.
std::string compile_source(const std::string& source, int architecture);

}  // namespace suan::cuda
