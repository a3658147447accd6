// Attributes of one batch size into those of another.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/rebatch.h"

#include <map>

#include "suan/base/error.h"
#include "suan/graph/op_def.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

// By op and attributes as text.
using Changes = std::map<std::pair<const OpDef*, std::string>, Attrs>;

std::vector<NodePtr> computed(const Graph& graph) {
  std::vector<NodePtr> nodes = graph.nodes();
  std::erase_if(nodes, [](const NodePtr& node) { return !node->op->infer; });
  return nodes;
}

Changes compare(const Graph& original, const Graph& other) {
  const std::vector<NodePtr> from = computed(original), to = computed(other);
  if (from.size() != to.size() || original.inputs.size() != other.inputs.size()) {
    fail("rebatch", "the graphs have {} and {} nodes", from.size(), to.size());
  }
  Changes changes;
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i]->op != to[i]->op) {
      fail("rebatch", "node {} is {} and {}", i, where_of(*from[i]), where_of(*to[i]));
    }
    const auto [it, fresh] =
        changes.try_emplace({from[i]->op, from[i]->attrs.text()}, to[i]->attrs);
    if (!fresh && !(it->second == to[i]->attrs)) {
      fail("rebatch", "{}: {{{}}} becomes {{{}}} here and {{{}}} elsewhere", where_of(*from[i]),
           from[i]->attrs.text(), to[i]->attrs.text(), it->second.text());
    }
  }
  return changes;
}

}  // namespace

Graph rebatched(const Graph& compressed, const Graph& original, const Graph& other) {
  const Changes changes = compare(original, other);
  return rewrite(compressed, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < compressed.inputs.size(); ++i) {
      if (&compressed.inputs[i].node() == node.get()) return std::vector{other.inputs[i]};
    }
    if (!node->op->infer) return outputs;
    const auto change = changes.find({node->op, node->attrs.text()});
    if (change == changes.end() || change->second == node->attrs) return outputs;
    const Labelling label(node->label);
    const NodePtr made = make_node(*node->op, inputs, change->second, node->regions);
    for (size_t i = 0; i < node->types.size(); ++i) outputs.emplace_back(made, static_cast<int>(i));
    return outputs;
  });
}

}  // namespace suan::compress
