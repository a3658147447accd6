// Values that come from nothing: constants and random numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* full_why_not(const Node& node);
void full(const Node& node, const KernelArgs& args);
void random_uniform(const Node& node, const KernelArgs& args);

}  // namespace suan::cpu
