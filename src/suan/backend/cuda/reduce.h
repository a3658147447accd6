// sum, max, min, prod, var, logsumexp, argmax and argmin on a GPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"
#include "suan/target/target.h"

namespace suan::cuda {

const char* reduce_why_not(const Node& node);
std::unique_ptr<Call> make_reduce_call(const Node& node);
// Where all of space is reduced, data may lie channels last. False: the node is another op.
bool choose_reduce_layouts(const Node& node, NodeLayouts& layouts);

}  // namespace suan::cuda
