// Convolutions by cuDNN on channels-last data, with what follows them in the same kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"
#include "suan/graph/graph.h"

namespace suan::cuda {

// A conv, conv_transpose or conv_weight_gradient, or a region that begins with a conv.
const char* convolution_why_not(const Node& node);
std::unique_ptr<Call> make_convolution_call(const Node& node);

// For the target: which nodes begin a region that one convolution computes, and which regions are
// such.
bool begins_convolution(const Node& node);
bool is_convolution(const Graph& region);
// Its data and trained weights channels last; weights that stay are packed instead. False: the node
// is another op.
bool choose_convolution_layouts(const Node& node, NodeLayouts& layouts);

}  // namespace suan::cuda
