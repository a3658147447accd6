// The reference kernels, one function per op; kernels.cpp lists them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::reference {

void full(const Node& node, const KernelArgs& args);
void elementwise(const Node& node, const KernelArgs& args);
void cast(const Node& node, const KernelArgs& args);
void sum(const Node& node, const KernelArgs& args);
void max(const Node& node, const KernelArgs& args);
void copy(const Node& node, const KernelArgs& args);
void transpose(const Node& node, const KernelArgs& args);
void broadcast_to(const Node& node, const KernelArgs& args);
void matmul(const Node& node, const KernelArgs& args);
void conv(const Node& node, const KernelArgs& args);
void conv_transpose(const Node& node, const KernelArgs& args);
void conv_weight_gradient(const Node& node, const KernelArgs& args);
void max_pool(const Node& node, const KernelArgs& args);
void max_pool_gradient(const Node& node, const KernelArgs& args);
void softmax(const Node& node, const KernelArgs& args);
void log_softmax(const Node& node, const KernelArgs& args);
void cross_entropy(const Node& node, const KernelArgs& args);
void random_uniform(const Node& node, const KernelArgs& args);

}  // namespace suan::reference
