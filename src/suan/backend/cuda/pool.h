// Max and average pooling and their gradients. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"
#include "suan/target/target.h"

namespace suan::cuda {

const char* pool_why_not(const Node& node);
std::unique_ptr<Call> make_pool_call(const Node& node);
std::unique_ptr<Call> make_max_pool_gradient_call(const Node& node);

// Keeps the data's layout. False: the node is none of these.
bool choose_pool_layouts(const Node& node, NodeLayouts& layouts);

}  // namespace suan::cuda
