// The headers of kernels, which the build puts into the library as text.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/prelude.h"

#include <string_view>

namespace suan::embedded {
std::string_view cuda_device_cuh();
std::string_view cuda_rows_cuh();
}  // namespace suan::embedded

namespace suan::cuda {

std::string kernel_prelude() {
  return std::string(embedded::cuda_device_cuh()) + std::string(embedded::cuda_rows_cuh());
}

}  // namespace suan::cuda
