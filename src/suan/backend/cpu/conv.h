// Convolutions on the CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

// Winograd F(4x4, 3x3), with a relative error of 1e-6 where direct summation has 2e-7: Lavin and
// Gray, "Fast algorithms for convolutional neural networks", 2015.
const char* winograd_why_not(const Node& node);
std::unique_ptr<Call> make_winograd_call(const Node& node);
const char* winograd_likely_slower(const Node& node);
// The same in f32 for operands in bf16: nothing is lost but the last rounding, which direct has
// too.
const char* wide_winograd_why_not(const Node& node);
std::unique_ptr<Call> make_wide_winograd_call(const Node& node);
const char* direct_why_not(const Node& node);
std::unique_ptr<Call> make_direct_call(const Node& node);

}  // namespace suan::cpu
