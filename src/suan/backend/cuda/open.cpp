// Placeholder until the driver library is merged.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {
std::shared_ptr<Gpu> open_gpu(int /*index*/, std::string& why_not) {
  why_not = "this build has no CUDA part";
  return nullptr;
}
}  // namespace suan::cuda
