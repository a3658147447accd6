// Max and average pooling on the CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* max_pool_why_not(const Node& node);
void max_pool(const Node& node, const KernelArgs& args);
void max_pool_gradient(const Node& node, const KernelArgs& args);

const char* avg_pool_why_not(const Node& node);
void avg_pool(const Node& node, const KernelArgs& args);
std::unique_ptr<Call> make_avg_pool_gradient_call(const Node& node);

}  // namespace suan::cpu
