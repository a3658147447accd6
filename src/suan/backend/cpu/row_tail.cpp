// Reading regions as steps.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/row_tail.h"

#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

TileFunction add_function() { return find_tile_function(Op::add, 0); }
TileFunction relu_function() { return find_tile_function(Op::relu, 0); }
bool adds(const RowStep& step, RowStep::Kind kind) {
  return step.kind == kind && step.run == add_function();
}

// The kind of an operand that is no number; none: it fits neither way.
RowStep::Kind kind_of(const Tensor& other, const Node& anchor) {
  const Shape &shape = anchor.types[0].shape, &own = other.shape();
  if (own == shape) return RowStep::Kind::whole;
  const int axis = (is(anchor, Op::conv) ? 1 : shape.rank() - 1) + own.rank() - shape.rank();
  const bool channels = axis >= 0 && own[axis] == own.numel() && own[axis] > 1;
  return channels ? RowStep::Kind::channels : RowStep::Kind::none;
}

const char* add_step(const RegionChain::Link& link, RowTail& tail) {
  RowStep step{.swapped = link.swapped, .operand = link.operand};
  unsigned scalars = 0;
  if (link.number) {
    step.kind = RowStep::Kind::number;
    step.number = *link.number;
    scalars = link.swapped ? 1 : 2;
  } else if (link.other) {
    if (link.other->dtype() != tail.anchor->types[0].dtype) return "an operand has another dtype";
    step.kind = kind_of(*link.other, *tail.anchor);
    if (step.kind == RowStep::Kind::none) {
      return "an operand varies along another axis than the channels";
    }
  }
  step.run = find_tile_function(link.node->op->code, scalars);
  if (!step.run) return "an operation is not elementwise";
  const bool bias = tail.bias < 0 && tail.steps.empty() && adds(step, RowStep::Kind::channels);
  if (bias) {
    tail.bias = step.operand;
  } else {
    tail.steps.push_back(step);
  }
  return nullptr;
}

}  // namespace

bool RowTail::is_product() const { return is(*anchor, Op::matmul); }
bool RowTail::is_sum_and_relu() const {
  const size_t others = steps.size() - (ends_in_relu() ? 1 : 0);
  return others == 0 || (others == 1 && adds(steps[0], RowStep::Kind::whole));
}
bool RowTail::ends_in_relu() const { return !steps.empty() && steps.back().run == relu_function(); }
int RowTail::whole() const {
  int operand = -1;
  for (const RowStep& step : steps) {
    if (step.kind == RowStep::Kind::whole) operand = step.operand;
  }
  return operand;
}

const char* read_row_tail(const Node& node, RowTail& tail) {
  RegionChain chain;
  if (read_chain(node, Op::matmul, chain)) {
    chain = {};
    if (const char* reason = read_chain(node, Op::conv, chain)) return reason;
  }
  return read_row_tail(chain, tail);
}

const char* read_row_tail(const RegionChain& chain, RowTail& tail) {
  tail.anchor = chain.anchor;
  tail.inputs = chain.inputs;
  if (tail.inputs.size() > 2 && tail.inputs[2] >= 0) {
    tail.bias = tail.inputs[2];
    if (chain.anchor->inputs[2].dtype() != tail.anchor->types[0].dtype) {
      return "the bias has another dtype";
    }
  }
  for (const RegionChain::Link& link : chain.links) {
    if (const char* reason = add_step(link, tail)) return reason;
  }
  return nullptr;
}

const char* whole_layout_why_not(const Node& node, const RowTail& tail) {
  for (const RowStep& step : tail.steps) {
    if (step.kind != RowStep::Kind::whole) continue;
    const Tensor& other = node.inputs[static_cast<size_t>(step.operand)];
    if (layout_of(other) != node.layout(0)) return "what is added is in another layout";
  }
  return nullptr;
}

}  // namespace suan::cpu
