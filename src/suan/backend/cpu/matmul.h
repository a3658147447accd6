// Matrix products on the CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* sgemm_why_not(const Node& node);
const char* sgemm_likely_slower(const Node& node);
std::unique_ptr<Call> make_sgemm_call(const Node& node);
const char* dnnl_matmul_why_not(const Node& node);
std::unique_ptr<Call> make_dnnl_matmul_call(const Node& node);

}  // namespace suan::cpu
