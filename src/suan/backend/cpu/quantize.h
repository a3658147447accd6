// Floats to 8-bit integers and small integers to floats, in any layout where one scale is for all.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* quantize_why_not(const Node& node);
std::unique_ptr<Call> make_quantize_call(const Node& node);
const char* dequantize_why_not(const Node& node);
std::unique_ptr<Call> make_dequantize_call(const Node& node);
// Blocks along any axis.
const char* dequantize_blocks_why_not(const Node& node);
std::unique_ptr<Call> make_dequantize_blocks_call(const Node& node);

}  // namespace suan::cpu
