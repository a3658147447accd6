// Attention and its gradient by cuDNN. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/cuda/driver/choices.h"
#include "suan/backend/cuda/driver/cudnn.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

class Attentions {
 public:
  explicit Attentions(Cudnn& cudnn) : cudnn_(cudnn) {}
  // The engine is chosen as those of convolutions are.
  std::unique_ptr<Attention> make(const AttentionSpec& spec);

 private:
  Cudnn& cudnn_;
  Choices choices_{"attention.txt"};
};

}  // namespace suan::cuda
