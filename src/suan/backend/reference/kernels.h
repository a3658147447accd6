// The reference kernels, one function per op or family; kernel_list.inc says which computes what.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::reference {

#define KERNEL(op, function) void function(const Node& node, const KernelArgs& args);
#include "suan/backend/reference/kernel_list.inc"
#undef KERNEL

}  // namespace suan::reference
