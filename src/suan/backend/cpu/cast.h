// Conversion between dtypes of which one is an integer: floats among themselves are the tiles'.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* cast_why_not(const Node& node);
void cast(const Node& node, const KernelArgs& args);

}  // namespace suan::cpu
