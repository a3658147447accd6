// Tails: what a convolution or product does to its result before it is written (oneDNN's post-ops),
// read off the region of a `fused` node. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/region_chain.h"
#include "suan/ops/op.h"

namespace suan::cpu {

struct Tail {
  const Node* anchor =
      nullptr;              // the convolution or product: the node itself where nothing follows
  std::vector<int> inputs;  // the node's operand for each input of the anchor; -1: absent
  dnnl::post_ops post_ops;
  int residual = -1;  // the operand that is added whole, or -1
  struct Binary {
    int position;  // among the post-ops
    int operand;
    dnnl::memory::desc desc;
  };
  std::vector<Binary> binaries;  // operands with one number for each channel
  bool fused() const { return post_ops.len() > 0; }
};

// Reads `node`, an `anchor` op or a region that begins with one. Null, or the reason why it is
// neither.
const char* read_tail(const Node& node, Op anchor, Tail& tail);

// Appends operations after those that the tail has, in front of `last`, a factor and a term (1 and
// 0: none). Null, or the reason why they cannot be post-ops.
struct Affine {
  float factor = 1, term = 0;
};
const char* append_links(Tail& tail, std::span<const RegionChain::Link> links, Affine last);

// Binds the tail's operands as arguments of the primitive.
void add_tail(DnnlCall& call, const Tail& tail, std::vector<DnnlCall::Argument>& arguments);

// For the target: whether such a region has a kernel (conv or matmul, f32 or bf16).
bool fuses_tail(const Node& anchor, const Graph& region);
bool begins_tail(const Node& node);

}  // namespace suan::cpu
