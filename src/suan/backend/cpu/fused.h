// Fused elementwise regions on the CPU: one pass over L1-sized tiles.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

// Whether an elementwise node can be part of such a region: null, or the reason why not.
const char* tile_why_not(const Node& node);
const char* fused_why_not(const Node& node);
// For a `fused` node or a single elementwise one.
std::unique_ptr<Call> make_fused_call(const Node& node);

}  // namespace suan::cpu
