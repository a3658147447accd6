// Reading a region's links as an epilogue, in its order: bias and residual, then the activation.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/following.h"

namespace suan::cuda {
namespace {

struct Row {
  Op op;
  Activation activation;
};
constexpr Row kActivations[] = {{Op::relu, Activation::relu},
                                {Op::gelu, Activation::gelu},
                                {Op::gelu_tanh, Activation::gelu_tanh},
                                {Op::sigmoid, Activation::sigmoid},
                                {Op::silu, Activation::silu}};

// Whether `other` has one number for each of the last axis of a product, or channel.
bool is_bias(const Shape& other, const Type& result, Op anchor) {
  const int channels = anchor == Op::matmul ? 1 : result.shape.rank() - 1;  // from the back
  if (other.rank() < channels || other.rank() > result.shape.rank()) return false;
  const int64_t count = other.at(-channels);
  return other.numel() == count && count == result.shape.at(-channels);
}

const char* add(const RegionChain::Link& link, Op anchor, Following& f) {
  const Type &type = f.chain.anchor->types[0], &other = link.other->type();
  if (other.dtype != type.dtype) return "an operand has another dtype";
  if (other == type && !f.epilogue.residual) {
    f.epilogue.residual = true;
    f.residual = link.operand;
    return nullptr;
  }
  if (f.epilogue.bias || !is_bias(other.shape, type, anchor)) {
    return "an operand is neither a bias nor of the result's shape";
  }
  f.epilogue.bias = true;
  f.bias = link.operand;
  return nullptr;
}

const char* read_links(Op anchor, Following& f) {
  for (const RegionChain::Link& link : f.chain.links) {
    if (f.epilogue.activation != Activation::none) return "something follows the activation";
    if (link.number) return "a number joins the result";
    if (link.other) {
      if (!is(*link.node, Op::add)) return "an operand joins otherwise than by addition";
      if (const char* reason = add(link, anchor, f)) return reason;
      continue;
    }
    for (const Row& row : kActivations) {
      if (is(*link.node, row.op)) f.epilogue.activation = row.activation;
    }
    if (f.epilogue.activation == Activation::none) return "the libraries have no such activation";
  }
  return nullptr;
}

}  // namespace

const char* read_following(const Node& node, Op anchor, Following& following) {
  const char* reason = read_chain(node, anchor, following.chain);
  return reason ? reason : read_links(anchor, following);
}
const char* read_following(const Graph& region, Op anchor, Following& following) {
  const char* reason = read_chain(region, anchor, following.chain);
  return reason ? reason : read_links(anchor, following);
}

}  // namespace suan::cuda
