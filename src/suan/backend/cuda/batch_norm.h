// Batch normalization on a GPU, of plain and of channels-last data.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"
#include "suan/target/target.h"

namespace suan::cuda {

const char* batch_norm_why_not(const Node& node);
std::unique_ptr<Call> make_batch_norm_call(const Node& node);
std::unique_ptr<Call> make_batch_norm_gradient_call(const Node& node);
// Channels last where some of the data is. False: the node is another op.
bool choose_batch_norm_layouts(const Node& node, NodeLayouts& layouts);

}  // namespace suan::cuda
