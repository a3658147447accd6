// Reading regions as steps.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/row_tail.h"

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

class Reader {
 public:
  Reader(const Graph& region, Op anchor, RowTail& tail)
      : region_(region), anchor_(anchor), tail_(tail) {}

  const char* read() {
    for (const NodePtr& node : region_.nodes()) {
      if (node->inputs.empty()) continue;  // inputs and numbers
      if (const char* reason = tail_.anchor ? add(*node) : begin(*node)) return reason;
      value_ = node.get();
    }
    const bool last = region_.outputs.size() == 1 && &region_.outputs[0].node() == value_;
    return last ? nullptr : "the region has results on the way";
  }

 private:
  int operand(const Node& node) const {
    for (size_t i = 0; i < region_.inputs.size(); ++i) {
      if (&region_.inputs[i].node() == &node) return static_cast<int>(i);
    }
    return -1;
  }
  const char* begin(const Node& node) {
    if (!is(node, anchor_)) return "the region does not begin with such an op";
    tail_.anchor = &node;
    for (const Tensor& t : node.inputs) tail_.inputs.push_back(t ? operand(t.node()) : -1);
    return nullptr;
  }
  const char* add(const Node& node) {
    if (!(node.types[0] == tail_.anchor->types[0])) return "a type changes in the region";
    if (node.inputs.size() > 2) return "an operation has more than two operands";
    RowStep step;
    unsigned scalars = 0;
    if (node.inputs.size() == 2) {
      step.swapped = &node.inputs[1].node() == value_;
      const Tensor& other = node.inputs[step.swapped ? 0 : 1];
      if (&other.node() == value_) return "the region is no chain";
      if (const char* reason = read_operand(other, step)) return reason;
      if (step.kind == RowStep::Kind::number) scalars = step.swapped ? 1 : 2;
    }
    if (&node.inputs[step.swapped ? 1 : 0].node() != value_) return "the region is no chain";
    step.run = find_tile_function(node.op->code, scalars);
    if (!step.run) return "an operation is not elementwise";
    tail_.steps.push_back(step);
    return nullptr;
  }
  const char* read_operand(const Tensor& other, RowStep& step) const {
    if (is(other.node(), Op::full) && other.rank() == 0) {
      step.kind = RowStep::Kind::number;
      step.number = static_cast<float>(other.node().attr<FullAttrs>().value);
      return nullptr;
    }
    step.operand = operand(other.node());
    if (step.operand < 0) return "the region is no chain";
    if (step.operand == tail_.inputs[1]) return "what is added is the weights, which are packed";
    if (other.dtype() != tail_.anchor->types[0].dtype) return "an operand has another dtype";
    const Shape &shape = tail_.anchor->types[0].shape, &own = other.shape();
    if (own == shape) {
      step.kind = RowStep::Kind::whole;
      return nullptr;
    }
    step.kind = RowStep::Kind::channels;
    const int axis =
        (is(*tail_.anchor, Op::conv) ? 1 : shape.rank() - 1) + own.rank() - shape.rank();
    const bool fits = axis >= 0 && own[axis] == own.numel() && own[axis] > 1;
    return fits ? nullptr : "an operand varies along another axis than the channels";
  }

  const Graph& region_;
  Op anchor_;
  RowTail& tail_;
  const Node* value_ = nullptr;
};

}  // namespace

const char* read_row_tail(const Node& node, Op anchor, RowTail& tail) {
  if (is(node, anchor)) {
    tail.anchor = &node;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      tail.inputs.push_back(node.inputs[i] ? static_cast<int>(i) : -1);
    }
  } else if (node.regions.empty()) {
    return "it is another op";
  } else if (const char* reason = Reader(*node.regions[0], anchor, tail).read()) {
    return reason;
  }
  if (tail.inputs.size() > 2 && tail.inputs[2] >= 0) {
    const DType bias = node.inputs[static_cast<size_t>(tail.inputs[2])].dtype();
    if (bias != tail.anchor->types[0].dtype) return "the bias has another dtype";
    tail.steps.insert(tail.steps.begin(), {.kind = RowStep::Kind::channels,
                                           .run = find_tile_function(Op::add, 0),
                                           .operand = tail.inputs[2]});
  }
  return nullptr;
}

}  // namespace suan::cpu
