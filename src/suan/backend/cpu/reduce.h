// Sums and maxima over axes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* reduce_why_not(const Node& node);
std::unique_ptr<Call> make_sum_call(const Node& node);
std::unique_ptr<Call> make_max_call(const Node& node);

// The axes that a reduction works on in the physical shape of its operand; empty where the layout's
// split channel axis is reduced only in part.
std::vector<bool> physical_axes(const Node& node);

}  // namespace suan::cpu
