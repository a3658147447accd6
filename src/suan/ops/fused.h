// `fused`: a region of elementwise ops that one kernel runs tile by tile. Made by the fusion pass.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/graph.h"

namespace suan {

// A node whose outputs are those of `region`, whose inputs stand for `inputs`.
NodePtr make_fused(std::vector<Tensor> inputs, Graph region);

// The region of a fused node; for a single node, a region of that node alone.
std::shared_ptr<const Graph> region_of(const Node& node);

}  // namespace suan
