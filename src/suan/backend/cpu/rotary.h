// Rotary position embedding on the CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* rotary_why_not(const Node& node);
std::unique_ptr<Call> make_rotary_call(const Node& node);

}  // namespace suan::cpu
