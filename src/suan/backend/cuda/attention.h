// Attention in 16 bits on Tensor Cores. Other attention is decomposed into products and softmax.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"
#include "suan/ops/attention.h"

namespace suan::cuda {

AttentionSizes sizes_of_attention(const Node& node);  // also of attention_gradient, as all here

Tensor attention_mask(const Node& node);  // undefined: there is none

// Whether it is in 16 bits, of something, without lengths, and a gradient without mask.
const char* plain_attention_why_not(const Node& node);

const char* attention_why_not(const Node& node);
std::unique_ptr<Call> make_attention_call(const Node& node);
std::unique_ptr<Call> make_attention_gradient_call(const Node& node);

}  // namespace suan::cuda
