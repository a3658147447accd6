// Fusing tails: from a convolution or product on, the nodes that read nothing but the one before
// (and values from elsewhere) join it as long as the target's kernels can take them.
// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>
#include <unordered_set>

#include "suan/passes/internal/region_builder.h"
#include "suan/passes/internal/users.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

class TailFinder {
 public:
  TailFinder(const Graph& graph, const Target& target) : target_(target), users_(graph) {}

  // The anchor and its tail; the anchor alone where nothing can follow.
  std::vector<NodePtr> find(const NodePtr& anchor) {
    std::vector<NodePtr> members{anchor};
    while (true) {
      const NodePtr next = users_.only(*members.back());
      if (!next || taken_.contains(next.get()) || next->types.size() != 1) break;
      if (!next->op->row || !(next->types[0] == anchor->types[0])) break;
      members.push_back(next);
      if (target_.fuses_tail(RegionBuilder(members, ValueMap()).region({{next, 0}}))) continue;
      members.pop_back();
      break;
    }
    for (const NodePtr& node : members) taken_.insert(node.get());
    return members;
  }

 private:
  const Target& target_;
  Users users_;
  std::unordered_set<const Node*> taken_;
};

}  // namespace

Graph fuse_tails(const Graph& graph, const Target& target) {
  if (!target.fuses_tail) return graph;
  TailFinder finder(graph, target);
  std::unordered_map<const Node*, std::vector<NodePtr>> tails;  // by their last node
  for (const NodePtr& node : graph.nodes()) {
    if (!target.begins_tail(*node)) continue;
    std::vector<NodePtr> members = finder.find(node);
    if (members.size() > 1) tails[members.back().get()] = std::move(members);
  }
  if (tails.empty()) return graph;
  ValueMap map;  // of everything so far, so that a tail finds the new operands of its first nodes
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i]) map.set(node->inputs[i], inputs[i]);
    }
    const auto tail = tails.find(node.get());
    if (tail == tails.end()) return outputs;
    const Tensor last(node, 0);
    outputs.emplace_back(RegionBuilder(tail->second, map).build({last}), 0);
    return outputs;
  });
}

}  // namespace suan
