// Matrix products by cuBLASLt, with what follows them in the same kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"
#include "suan/graph/graph.h"

namespace suan::cuda {

// A matmul, or a region that begins with one.
const char* product_why_not(const Node& node);
std::unique_ptr<Call> make_product_call(const Node& node);

// A scaled_matmul.
const char* scaled_product_why_not(const Node& node);
std::unique_ptr<Call> make_scaled_product_call(const Node& node);

// For the target: which nodes begin a region that one product computes, and which regions are such.
bool begins_product(const Node& node);
bool is_product(const Node& anchor, const Graph& region);

}  // namespace suan::cuda
