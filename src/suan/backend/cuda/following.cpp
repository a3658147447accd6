// Reading a region's links as an epilogue, in its order: bias and residual, then the activation.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/following.h"

#include <array>

#include "suan/backend/cuda/region.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/fused.h"
#include "suan/ops/leaf.h"

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

// y = g activation'(z), where g is the value so far.
const char* add_gradient(const RegionChain::Link& link, Following& f) {
  if (link.swapped) return "the result is what an activation was applied to, not its gradient";
  if (!(link.other->type() == f.chain.anchor->types[0])) return "an operand has another type";
  f.epilogue.activation = Activation::gelu_tanh;
  f.epilogue.preactivation = Preactivation::given;
  f.preactivation = link.operand;
  return nullptr;
}

const char* keep_preactivation(Following& f) {
  const Epilogue& e = f.epilogue;
  if (e.activation == Activation::none || e.preactivation != Preactivation::unused) {
    return "the region has results on the way";
  }
  f.epilogue.preactivation = Preactivation::kept;
  return nullptr;
}

const char* read_links(Op anchor, Following& f) {
  for (const RegionChain::Link& link : f.chain.links) {
    if (f.epilogue.activation != Activation::none) return "something follows the activation";
    if (link.number) return "a number joins the result";
    if (is(*link.node, Op::gelu_tanh_gradient)) {
      if (const char* reason = add_gradient(link, f)) return reason;
      continue;
    }
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
  return f.chain.two_results ? keep_preactivation(f) : nullptr;
}

}  // namespace

const char* read_following(const Node& node, Op anchor, Following& following) {
  const char* reason = read_chain(node, anchor, following.chain, ChainResults::last_two);
  return reason ? reason : read_links(anchor, following);
}
const char* read_following(const Graph& region, Op anchor, Following& following) {
  const char* reason = read_chain(region, anchor, following.chain, ChainResults::last_two);
  return reason ? reason : read_links(anchor, following);
}

namespace {

// Graph inputs that stand for the node's operands, in the order in which they are first wanted.
class Operands {
 public:
  Operands(Graph& region, std::vector<int>& numbers) : region_(region), numbers_(numbers) {}
  Tensor take(int operand, Type type) {
    region_.inputs.push_back(make_input(std::move(type), ""));
    numbers_.push_back(operand);
    return region_.inputs.back();
  }

 private:
  Graph& region_;
  std::vector<int>& numbers_;
};

// With a size of 1 for each axis after the channels.
Type as_channels(Type bias, int rank) {
  while (bias.shape.rank() < rank - 1) bias.shape.push_back(1);
  return bias;
}

// The last value and the one before it.
std::array<Tensor, 2> follow(const Node& node, const Following& f, bool residual_added,
                             const Tensor& result, Operands& operands) {
  Tensor value = result, before = result;
  const std::vector<int>& own = f.chain.inputs;
  if (own.size() > 2 && own[2] >= 0) {
    const Type bias = node.inputs[static_cast<size_t>(own[2])].type();
    value = value + operands.take(own[2], as_channels(bias, result.rank()));
  }
  for (const RegionChain::Link& link : f.chain.links) {
    if (residual_added && link.other && link.operand == f.residual) continue;
    std::vector<Tensor> inputs{value};
    if (link.other) {
      const Tensor other =
          link.number ? *link.other : operands.take(link.operand, link.other->type());
      inputs.insert(link.swapped ? inputs.begin() : inputs.end(), other);
    }
    before = value;
    value = Tensor(with_inputs(*link.node, inputs), 0);
  }
  return {value, before};
}

}  // namespace

FollowingCall::FollowingCall(const Node& node, const Following& following, bool residual_added) {
  Graph region;
  std::vector<int> numbers;
  Operands operands(region, numbers);
  const Tensor result = operands.take(-1, node.types[0]);
  const auto [last, before] = follow(node, following, residual_added, result, operands);
  if (following.chain.two_results && before.same_as(result)) first_out_ = 1;
  if (following.chain.two_results && first_out_ == 0) region.outputs.push_back(before);
  region.outputs.push_back(last);
  std::vector<Tensor> inputs = region.inputs;
  const NodePtr fused = make_fused(std::move(inputs), std::move(region));
  std::const_pointer_cast<Node>(fused)->layouts = node.layouts;
  call_ = make_region_call(*fused);
  operands_.assign(numbers.begin() + 1, numbers.end());
}

void FollowingCall::run(const KernelArgs& args) const {
  std::vector<Operand> in{args.out[0]};
  for (const int operand : operands_) in.push_back(args.in[static_cast<size_t>(operand)]);
  KernelArgs own = args;
  own.in = in;
  own.out = args.out.subspan(first_out_);
  call_->run(own);
}

}  // namespace suan::cuda
