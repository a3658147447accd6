// What all that cuDNN computes on one GPU shares. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "suan/backend/cuda/driver/modules.h"
#include "suan/backend/cuda/driver/queue.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

std::string why_no_cudnn();  // "" where it is there
int cudnn_version();         // 91900 is 9.19; 0 where it is not there

struct CudnnHandle;

struct Cudnn {
  Cudnn(std::shared_ptr<Queue> queue, Modules& modules, const GpuTraits& traits);

  std::shared_ptr<Queue> queue;
  Modules& modules;
  const std::string machine;            // in keys of caches
  std::mutex mutex;                     // a handle of cuDNN is for one thread at a time
  std::shared_ptr<CudnnHandle> handle;  // made when it is wanted
};

}  // namespace suan::cuda
