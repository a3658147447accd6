// What follows a product or convolution in a region: a bias, a residual, an activation, which the
// libraries compute before they write the result. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/gpu.h"
#include "suan/backend/region_chain.h"
#include "suan/ops/op.h"

namespace suan::cuda {

struct Following {
  RegionChain chain;
  Epilogue epilogue;
  int bias = -1, residual = -1;  // operands of the node that has the region
};

// Reads a node, an `anchor` op or a region that begins with one, or a region alone. Null, or the
// reason why it is neither.
const char* read_following(const Node& node, Op anchor, Following& following);
const char* read_following(const Graph& region, Op anchor, Following& following);

}  // namespace suan::cuda
