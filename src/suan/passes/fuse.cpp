// Groups elementwise nodes of one shape into `fused` regions. Walking from the last node to the
// first, a node joins the groups of its users, nearest first, unless that would close a cycle
// through nodes outside. So a value needed only by a far-away group is computed there.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <unordered_map>

#include "suan/ops/op.h"
#include "suan/passes/internal/region_builder.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

constexpr size_t kMaxGroup = 64;     // nodes of one region
constexpr size_t kMaxOperands = 24;  // inputs and outputs of one region

// Sets of node indices as bits.
class Bits {
 public:
  explicit Bits(size_t n = 0) : words_((n + 63) / 64) {}
  void set(size_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  bool has(size_t i) const { return words_[i / 64] >> (i % 64) & 1; }
  void add(const Bits& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool meets(const Bits& other) const {
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i] & other.words_[i]) return true;
    }
    return false;
  }

 private:
  std::vector<uint64_t> words_;
};

struct Group {
  std::vector<size_t> members;
  Bits bits, ancestors;
};

class Grouper {
 public:
  Grouper(const Graph& graph, const Target& target) : nodes_(graph.nodes()) {
    const size_t n = nodes_.size();
    group_of_.resize(n);
    users_.resize(n);
    groups_.resize(n);
    for (size_t i = 0; i < n; ++i) index_[nodes_[i].get()] = i;
    for (size_t i = 0; i < n; ++i) {
      group_of_[i] = i;
      Group& g = groups_[i];
      g.members = {i};
      g.bits = Bits(n);
      g.bits.set(i);
      g.ancestors = Bits(n);
      for (const Tensor& t : nodes_[i]->inputs) {
        if (!t) continue;
        const size_t j = index_.at(&t.node());
        g.ancestors.set(j);
        g.ancestors.add(groups_[j].ancestors);
        users_[j].push_back(i);
      }
    }
    for (size_t i = n; i-- > 0;) {
      if (!fusible(i, target)) continue;
      for (size_t user : users_[i]) {
        if (fusible(user, target) && shape(user) == shape(i)) try_merge(i, user);
      }
    }
  }

  // The members of each group of two or more, by the index of their last member.
  std::map<size_t, std::vector<size_t>> groups() const {
    std::map<size_t, std::vector<size_t>> out;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (group_of_[i] == i && groups_[i].members.size() > 1) {
        auto members = groups_[i].members;
        std::sort(members.begin(), members.end());
        out[members.back()] = members;
      }
    }
    return out;
  }
  const std::vector<NodePtr>& nodes() const { return nodes_; }

 private:
  const Shape& shape(size_t i) const { return nodes_[i]->types[0].shape; }
  bool fusible(size_t i, const Target& target) const {
    return target.fuses && target.fuses(*nodes_[i]);
  }

  size_t operands(const std::vector<size_t>& members) const {
    std::vector<const Node*> outside;
    for (size_t i : members) {
      for (const Tensor& t : nodes_[i]->inputs) outside.push_back(&t.node());
    }
    std::sort(outside.begin(), outside.end());
    outside.erase(std::unique(outside.begin(), outside.end()), outside.end());
    return outside.size();
  }

  void try_merge(size_t a, size_t b) {
    a = group_of_[a];
    b = group_of_[b];
    if (a == b || groups_[a].members.size() + groups_[b].members.size() > kMaxGroup) return;
    Group merged = groups_[a];
    merged.members.insert(merged.members.end(), groups_[b].members.begin(),
                          groups_[b].members.end());
    if (operands(merged.members) > kMaxOperands + merged.members.size()) return;
    merged.bits.add(groups_[b].bits);
    if (closes_cycle(merged)) return;
    merged.ancestors.add(groups_[b].ancestors);
    for (size_t i : merged.members) group_of_[i] = a;
    // Whoever depends on one member now depends on all of them and on all their ancestors.
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (group_of_[i] != i || i == a) continue;
      if (groups_[i].ancestors.meets(merged.bits)) {
        groups_[i].ancestors.add(merged.ancestors);
        groups_[i].ancestors.add(merged.bits);
      }
    }
    groups_[a] = std::move(merged);
  }

  bool closes_cycle(const Group& merged) const {
    for (size_t i : merged.members) {
      for (const Tensor& t : nodes_[i]->inputs) {
        const size_t j = index_.at(&t.node());
        if (!merged.bits.has(j) && groups_[group_of_[j]].ancestors.meets(merged.bits)) return true;
      }
    }
    return false;
  }

  std::vector<NodePtr> nodes_;
  std::unordered_map<const Node*, size_t> index_;
  std::vector<std::vector<size_t>> users_;
  std::vector<size_t> group_of_;  // representative
  std::vector<Group> groups_;     // valid at representatives
};

using GroupOf = std::unordered_map<const Node*, size_t>;

// Nodes whose values somebody outside their group wants.
std::unordered_map<const Node*, bool> wanted_outside(const Graph& graph,
                                                     const std::vector<NodePtr>& nodes,
                                                     const GroupOf& member_of) {
  std::unordered_map<const Node*, bool> wanted;
  for (const Tensor& t : graph.roots()) wanted[&t.node()] = true;
  for (const NodePtr& node : nodes) {
    const auto mine = member_of.find(node.get());
    for (const Tensor& t : node->inputs) {
      if (!t) continue;
      const auto theirs = member_of.find(&t.node());
      if (mine == member_of.end() || theirs == member_of.end() || mine->second != theirs->second) {
        wanted[&t.node()] = true;
      }
    }
  }
  return wanted;
}

}  // namespace

Graph fuse(const Graph& graph, const Target& target) {
  const Grouper grouper(graph, target);
  const auto& nodes = grouper.nodes();
  const auto groups = grouper.groups();
  GroupOf member_of;
  for (const auto& [last, members] : groups) {
    for (size_t i : members) member_of[nodes[i].get()] = last;
  }
  const auto wanted = wanted_outside(graph, nodes, member_of);
  // Contracted groups need a new order: emit a group when all its outside inputs are there.
  ValueMap map;
  std::unordered_map<const Node*, bool> done;
  const std::function<void(const NodePtr&)> emit = [&](const NodePtr& node) {
    if (done[node.get()]) return;
    const auto member = member_of.find(node.get());
    std::vector<NodePtr> members;
    if (member == member_of.end()) {
      members = {node};
    } else {
      for (size_t i : groups.at(member->second)) members.push_back(nodes[i]);
    }
    for (const NodePtr& m : members) done[m.get()] = true;
    for (const NodePtr& m : members) {
      for (const Tensor& t : m->inputs) {
        if (t) emit(t.node_ptr());
      }
    }
    if (member == member_of.end()) {
      if (!node->op->infer) return;  // a leaf
      std::vector<Tensor> inputs;
      for (const Tensor& t : node->inputs) inputs.push_back(t ? map(t) : Tensor());
      const NodePtr copy = with_inputs(*node, std::move(inputs));
      for (size_t i = 0; i < node->types.size(); ++i) {
        map.set({node, static_cast<int>(i)}, {copy, static_cast<int>(i)});
      }
      return;
    }
    std::vector<Tensor> outputs;
    for (const NodePtr& m : members) {
      if (wanted.contains(m.get())) outputs.emplace_back(m, 0);
    }
    const NodePtr fused = RegionBuilder(members, map).build(outputs);
    for (size_t i = 0; i < outputs.size(); ++i) map.set(outputs[i], {fused, static_cast<int>(i)});
  };
  // A group's place is that of its last member, unless somebody needs it before: earlier members
  // would pull all that the later ones depend on ahead of everything else, and keep it alive for
  // longer.
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto member = member_of.find(nodes[i].get());
    if (member == member_of.end() || member->second == i) emit(nodes[i]);
  }
  Graph out = graph;
  for (Tensor& t : out.outputs) t = map(t);
  for (StateUpdate& update : out.updates) update.value = map(update.value);
  return out;
}

}  // namespace suan
