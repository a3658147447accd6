// Convolutions and their gradients by cuDNN. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/cuda/driver/choices.h"
#include "suan/backend/cuda/driver/cudnn.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

class Convolutions {
 public:
  explicit Convolutions(Cudnn& cudnn) : cudnn_(cudnn) {}
  // The engine is the one in the cache, or the fastest of those that cuDNN proposes first.
  std::unique_ptr<Convolution> make(const ConvolutionSpec& spec);

 private:
  Cudnn& cudnn_;
  Choices choices_{"convolutions.txt"};
};

}  // namespace suan::cuda
