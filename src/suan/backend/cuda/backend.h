// The CUDA backend of each GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>

#include "suan/backend/cuda/gpu.h"
#include "suan/backend/kernel.h"

namespace suan::cuda {

std::span<const Kernel> kernels();  // the table, best first for each op

// The backend on this GPU, which it keeps. For tests: cuda_backend() opens the machine's own.
std::unique_ptr<Backend> make_backend(Gpu& gpu);

}  // namespace suan::cuda
