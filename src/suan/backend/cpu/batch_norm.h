// Batch normalization on the CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* batch_norm_why_not(const Node& node);
std::unique_ptr<Call> make_batch_norm_call(const Node& node);
std::unique_ptr<Call> make_batch_norm_gradient_call(const Node& node);

}  // namespace suan::cpu
