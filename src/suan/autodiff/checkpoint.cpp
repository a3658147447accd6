// A checkpoint node knows a part of the graph by its two ends. Its gradient copies the part onto
// barriers, which only open when the gradient of the part's results has arrived, and walks the copy
// in reverse. SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/checkpoint.h"

#include <algorithm>
#include <unordered_set>

#include "suan/autodiff/internal/reverse_walk.h"
#include "suan/ops/op.h"
#include "suan/ops/recompute.h"

namespace suan {
namespace {

class Ends {
 public:
  void add(const Tensor& t) {
    if (!contains(t)) ends_.push_back(t);
  }
  bool contains(const Tensor& t) const {
    return std::any_of(ends_.begin(), ends_.end(), [&](const Tensor& e) { return e.same_as(t); });
  }
  const std::vector<Tensor>& all() const { return ends_; }

 private:
  std::vector<Tensor> ends_;
};

bool is_state(const Node& node) { return is(node, Op::state); }
bool is_known(const Node& node) { return is(node, Op::constant) || is(node, Op::full); }

// What a function called when node ids had reached `start` reads: its inputs, what was there
// before, and states.
Ends find_sources(const std::vector<Tensor>& results, const std::vector<Tensor>& inputs,
                  uint64_t start) {
  Ends given, found;
  for (const Tensor& t : inputs) given.add(t);
  std::unordered_set<const Node*> seen;
  std::vector<Tensor> queue = results;
  while (!queue.empty()) {
    const Tensor t = queue.back();
    queue.pop_back();
    const Node& node = t.node();
    if (given.contains(t) || node.id < start || is_state(node) || is(node, Op::input)) {
      found.add(t);
    } else if (seen.insert(&node).second) {
      for (const Tensor& input : node.inputs) {
        if (input) queue.push_back(input);
      }
    }
  }
  return found;
}

// The nodes from which `results` are made of `sources`, in order.
std::vector<NodePtr> nodes_between(const std::vector<Tensor>& results, const Ends& sources) {
  std::vector<NodePtr> nodes;
  std::unordered_set<const Node*> seen;
  const auto visit = [&](const Tensor& t) {
    if (t && !sources.contains(t) && seen.insert(&t.node()).second) nodes.push_back(t.node_ptr());
  };
  for (const Tensor& t : results) visit(t);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodePtr node = nodes[i];  // `nodes` grows below
    for (const Tensor& t : node->inputs) visit(t);
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const NodePtr& a, const NodePtr& b) { return a->id < b->id; });
  return nodes;
}

// Makes the nodes anew from the values in `map`, which the results join. What depends on no source
// is shared, but for random numbers: they would stay in memory.
void copy_nodes(const std::vector<NodePtr>& nodes, const Tensor& after, ValueMap& map) {
  for (const NodePtr& node : nodes) {
    std::vector<Tensor> inputs;
    bool changed = node->op->random;
    for (const Tensor& t : node->inputs) {
      inputs.push_back(t ? map(t) : Tensor());
      changed = changed || (t && !inputs.back().same_as(t));
    }
    if (!changed) continue;
    if (node->op->random) {
      for (Tensor& t : inputs) t = barrier(t, after);
    }
    const NodePtr copy = with_inputs(*node, std::move(inputs));
    for (int i = 0; i < static_cast<int>(node->types.size()); ++i) map.set({node, i}, {copy, i});
  }
}

}  // namespace

std::vector<Tensor> gradient_by_recomputation(const GradContext& c) {
  const auto& inputs = c.node->inputs;
  const size_t count = c.node->types.size();
  const std::vector<Tensor> results(inputs.begin(),
                                    inputs.begin() + static_cast<std::ptrdiff_t>(count));
  StandIns stand_in;
  std::vector<Tensor> seeds;
  for (const Tensor& g : c.grads) seeds.push_back(stand_in(g));
  const Tensor after =
      *std::find_if(seeds.begin(), seeds.end(), [](const Tensor& g) { return bool(g); });
  Ends sources;
  ValueMap map;
  std::vector<Tensor> leaves(inputs.size()), wanted;
  for (size_t i = count; i < inputs.size(); ++i) {
    leaves[i] = stand_in(inputs[i]);
    sources.add(inputs[i]);
    const bool stays = is_state(inputs[i].node()) || is_known(inputs[i].node());
    map.set(inputs[i], stays ? leaves[i] : barrier(leaves[i], after));
    if (c.needs[i]) wanted.push_back(leaves[i]);
  }
  copy_nodes(nodes_between(results, sources), after, map);
  std::vector<Tensor> copies;
  for (const Tensor& t : results) copies.push_back(map(t));
  ReverseWalk walk(copies, wanted);
  for (size_t i = 0; i < count; ++i) {
    if (seeds[i]) walk.accumulate(copies[i], seeds[i]);
  }
  walk.run();
  std::vector<Tensor> out(inputs.size());
  for (size_t i = count; i < inputs.size(); ++i) {
    if (c.needs[i]) out[i] = walk.result(leaves[i]);
  }
  return stand_in.put_back(std::move(out));
}

std::vector<Tensor> checkpointed(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f,
    const std::vector<Tensor>& inputs) {
  const uint64_t start = make_input(Type(DType::f32, {}), "").node().id;
  const std::vector<Tensor> results = f(inputs);
  return make_checkpoint(results, find_sources(results, inputs, start).all());
}

}  // namespace suan
