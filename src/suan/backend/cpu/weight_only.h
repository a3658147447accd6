// Products of floats with constant weights of 4 or 8 bits, which are multiplied as they are stored,
// and the elementwise operations that follow, as one kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

// For the target: whether the product's weights alone are dequantized, of constants, and have a
// kernel here; and whether a region that does that and goes on has.
bool multiplies_stored_weights(const Node& product);
const char* weight_only_why_not(const Graph& region);

const char* weight_only_why_not(const Node& node);
std::unique_ptr<Call> make_weight_only_call(const Node& node);

}  // namespace suan::cpu
