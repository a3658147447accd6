// Layout assignment: one walk in order. The target says which layouts a node wants; where a value
// has another one, a reorder node is made, once for each value and layout. Results of the graph are
// plain. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

class Assigner {
 public:
  Tensor in_layout(const Tensor& t, Layout layout) {
    if (!t || layout_of(t) == layout) return t;
    // The plain original of a reordered value needs no second reorder.
    if (is(t.node(), Op::reorder) && layout_of(t.node().inputs[0]) == layout) {
      return t.node().inputs[0];
    }
    Tensor& made = reordered_[{&t.node(), t.output(), layout}];
    if (!made) {
      made = reorder(t, layout);
      keep_.push_back(t);
    }
    return made;
  }

 private:
  std::map<std::tuple<const Node*, int, Layout>, Tensor> reordered_;
  std::vector<Tensor> keep_;
};

NodeLayouts wanted(const Node& node, const std::vector<Tensor>& inputs, const Target& target) {
  NodeLayouts layouts;
  for (const Tensor& t : inputs) layouts.current.push_back(t ? layout_of(t) : Layout::plain);
  layouts.inputs.assign(inputs.size(), Layout::plain);
  layouts.outputs.assign(node.types.size(), Layout::plain);
  if (node.op->forwards) {
    layouts.inputs = layouts.current;
    layouts.outputs.assign(
        layouts.current.begin(),
        layouts.current.begin() + static_cast<std::ptrdiff_t>(node.types.size()));
    return layouts;
  }
  target.choose_layouts(node, layouts);
  return layouts;
}

}  // namespace

Graph assign_layouts(const Graph& graph, const Target& target) {
  if (!target.choose_layouts) return graph;
  Assigner assigner;
  Graph out = rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (!node->op->infer || is(*node, Op::reorder)) return outputs;
    const NodeLayouts layouts = wanted(*node, inputs, target);
    std::vector<Tensor> operands;
    bool changed = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      operands.push_back(assigner.in_layout(inputs[i], layouts.inputs[i]));
      changed = changed || (inputs[i] && !operands.back().same_as(node->inputs[i]));
    }
    const bool plain = std::all_of(layouts.outputs.begin(), layouts.outputs.end(),
                                   [](Layout l) { return l == Layout::plain; });
    if (!changed && plain) return outputs;
    const NodePtr copy = with_inputs(*node, std::move(operands));
    if (!plain) std::const_pointer_cast<Node>(copy)->layouts = layouts.outputs;
    for (size_t i = 0; i < node->types.size(); ++i) outputs.emplace_back(copy, static_cast<int>(i));
    return outputs;
  });
  for (Tensor& t : out.outputs) t = assigner.in_layout(t, Layout::plain);
  for (StateUpdate& update : out.updates) {
    update.value = assigner.in_layout(update.value, Layout::plain);
  }
  return out;
}

Graph without_layouts(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (is(*node, Op::reorder)) return std::vector<Tensor>{inputs[0]};
    if (node->layouts.empty()) return outputs;
    const NodePtr copy = with_inputs(*node, inputs);
    std::const_pointer_cast<Node>(copy)->layouts.clear();
    for (size_t i = 0; i < node->types.size(); ++i) outputs.emplace_back(copy, static_cast<int>(i));
    return outputs;
  });
}

}  // namespace suan
