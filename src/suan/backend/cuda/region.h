// Elementwise nodes and regions as one CUDA kernel each, written as source text for the node's
// shape. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/backend/kernel.h"

namespace suan::cuda {

// Why no kernel is written for a `fused` node or an elementwise one; null: it is.
const char* region_why_not(const Node& node);
std::unique_ptr<Call> make_region_call(const Node& node);
// Whether an elementwise node may be part of a region.
bool joins_regions(const Node& node);

}  // namespace suan::cuda
