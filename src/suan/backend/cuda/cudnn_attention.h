// Attention in 16 bits by cuDNN (cuda/gpu.h), for more widths of heads than the kernels of
// cuda/attention.h have. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cuda {

// Of attention and attention_gradient.
const char* cudnn_attention_why_not(const Node& node);
std::unique_ptr<Call> make_cudnn_attention_call(const Node& node);

}  // namespace suan::cuda
