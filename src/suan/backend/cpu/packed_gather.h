// Rows of a constant table of 4- or 8-bit integers that is packed as a product's weights are, so
// that an embedding and the output layer that is tied to it share one block.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* packed_gather_why_not(const Node& node);
std::unique_ptr<Call> make_packed_gather_call(const Node& node);

}  // namespace suan::cpu
