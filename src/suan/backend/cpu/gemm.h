// Products with constant weights by an own kernel: panels of weights are brought near while the one
// before is used, and what follows is done to each piece of the result while it is in the L1 cache.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

// y = tail(x w) for f32 x [..., k], constant w [k, n], and a tail of elementwise rows.
const char* panel_matmul_why_not(const Node& node);
std::unique_ptr<Call> make_panel_matmul_call(const Node& node);

}  // namespace suan::cpu
