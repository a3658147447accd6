// Convolutions and matrix products of 8-bit integers by oneDNN, with what follows them, to 8-bit
// integers or f32; and max pooling of such integers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* int8_conv_why_not(const Node& node);
std::unique_ptr<Call> make_int8_conv_call(const Node& node);
const char* int8_matmul_why_not(const Node& node);
std::unique_ptr<Call> make_int8_matmul_call(const Node& node);
const char* int8_max_pool_why_not(const Node& node);
std::unique_ptr<Call> make_int8_max_pool_call(const Node& node);

}  // namespace suan::cpu
