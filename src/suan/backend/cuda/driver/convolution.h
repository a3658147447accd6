// Convolutions and their gradients by cuDNN. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "suan/backend/cuda/driver/choices.h"
#include "suan/backend/cuda/driver/modules.h"
#include "suan/backend/cuda/driver/queue.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

std::string why_no_cudnn();  // "" where it is there

struct CudnnHandle;

class Convolutions {
 public:
  Convolutions(std::shared_ptr<Queue> queue, Modules& modules, const GpuTraits& traits);
  // The engine is the one in the cache, or the fastest of those that cuDNN proposes first.
  std::unique_ptr<Convolution> make(const ConvolutionSpec& spec);

 private:
  std::shared_ptr<Queue> queue_;
  Modules& modules_;
  std::string machine_;  // in keys of the cache
  std::mutex mutex_;     // a handle of cuDNN is for one thread at a time
  std::shared_ptr<CudnnHandle> handle_;
  Choices choices_{"convolutions.txt"};
};

}  // namespace suan::cuda
