// Fusing tails: from a convolution or product on, the nodes that read nothing but the one before
// (and values from elsewhere) join it as long as the target's kernels can take them. The value
// before the last one may stay a result, so that others read it too. A product of quantized values
// begins with the dequantize nodes of its operands and may end in quantize; one with quantized
// weights begins with their dequantize node.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "suan/graph/users.h"
#include "suan/passes/internal/quantized_product.h"
#include "suan/passes/internal/region_builder.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

// In a row: a longer region may be taken where a shorter is not. What integers are added to, only
// with the quantize at the end.
constexpr int kMostRefusals = 1, kMostQuantized = 4;

struct Tail {
  std::vector<NodePtr> operands;  // dequantize nodes, which others may read too: they are copied
  std::vector<NodePtr> members;   // in order, the anchor first
  bool keeps_before = false;      // the last but one is a result too

  const NodePtr& last() const { return members.back(); }
  const NodePtr& before() const { return members[members.size() - 2]; }
  bool quantized() const { return !operands.empty(); }
  bool is_region() const { return quantized() || members.size() > 1; }
  RegionBuilder builder(const ValueMap& map) const {
    std::vector<NodePtr> all = operands;
    all.insert(all.end(), members.begin(), members.end());
    return {all, map};
  }
  std::vector<Tensor> results() const {
    if (!keeps_before) return {{last(), 0}};
    return {{before(), 0}, {last(), 0}};
  }
  // The node in whose place the region stands. One that keeps a value reads nothing after it, and
  // must be there for all who read that.
  const NodePtr& place() const { return keeps_before ? before() : last(); }
};

class TailFinder {
 public:
  TailFinder(const Graph& graph, const Target& target) : target_(target), users_(graph) {}

  // The longest that one kernel computes; the anchor alone where nothing can follow.
  Tail find(const NodePtr& anchor) {
    Tail best{{}, {anchor}};
    if (takes_quantized(anchor, target_)) best.operands = quantized_operands(*anchor);
    Tail tail = best;
    const int most = best.quantized() ? kMostQuantized : kMostRefusals;
    for (int refusals = 0; refusals <= most;) {
      if (auto longer = longer_than(tail)) {
        best = tail = std::move(*longer);
        if (best.keeps_before) break;
        refusals = 0;
        continue;
      }
      const NodePtr next = users_.only(*tail.last());
      if (!next || !may_follow(tail, *next)) break;
      add(tail, next);
      ++refusals;
    }
    for (const NodePtr& node : best.members) taken_.insert(node.get());
    return best;
  }

 private:
  bool may_follow(const Tail& tail, const Node& next) const {
    if (taken_.contains(&next) || next.types.size() != 1) return false;
    if (is(*tail.last(), Op::quantize)) return false;
    if (tail.quantized() && is(next, Op::quantize)) return true;
    return next.op->row && next.types[0] == tail.members[0]->types[0];
  }
  bool fuses(const Tail& tail) const {
    return target_.fuses_tail(*tail.members[0], tail.builder(ValueMap()).region(tail.results()));
  }
  // What else the node reads joins a quantized tail as it is stored.
  static void add(Tail& tail, const NodePtr& next) {
    for (const Tensor& t : next->inputs) {
      const auto& known = tail.operands;
      if (!tail.quantized() || !t || !is(t.node(), Op::dequantize)) continue;
      if (std::find(known.begin(), known.end(), t.node_ptr()) != known.end()) continue;
      tail.operands.push_back(t.node_ptr());
    }
    tail.members.push_back(next);
  }
  // By one node, where the target takes it.
  std::optional<Tail> longer_than(const Tail& tail) const {
    const NodePtr& end = tail.last();
    for (const NodePtr& next : users_.of(*end)) {
      if (!may_follow(tail, *next)) continue;
      Tail longer = tail;
      add(longer, next);
      if (users_.only(*end) && fuses(longer)) return longer;
      longer.keeps_before = std::all_of(next->inputs.begin(), next->inputs.end(),
                                        [&](const Tensor& t) { return t && t.node_ptr() == end; });
      if (longer.keeps_before && fuses(longer)) return longer;
    }
    return std::nullopt;
  }

  const Target& target_;
  Users users_;
  std::unordered_set<const Node*> taken_;
};

}  // namespace

Graph fuse_tails(const Graph& graph, const Target& target) {
  if (!target.fuses_tail) return graph;
  TailFinder finder(graph, target);
  std::unordered_map<const Node*, Tail> tails;  // by their place
  for (const NodePtr& node : graph.nodes()) {
    if (!target.begins_tail(*node)) continue;
    Tail tail = finder.find(node);
    if (tail.is_region()) tails[tail.place().get()] = std::move(tail);
  }
  if (tails.empty()) return graph;
  ValueMap map;  // of everything so far, so that a tail finds the new operands of its first nodes
  std::unordered_map<const Node*, Tensor> made;  // what regions in earlier places gave
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i]) map.set(node->inputs[i], inputs[i]);
    }
    if (const auto found = made.find(node.get()); found != made.end()) {
      return std::vector<Tensor>{found->second};
    }
    const auto found = tails.find(node.get());
    if (found == tails.end()) return std::vector<Tensor>();
    const Tail& tail = found->second;
    const NodePtr fused = tail.builder(map).build(tail.results());
    if (tail.keeps_before) made[tail.last().get()] = Tensor(fused, 1);
    return std::vector<Tensor>{Tensor(fused, 0)};
  });
}

}  // namespace suan
