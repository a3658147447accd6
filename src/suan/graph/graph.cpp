// Walking and rebuilding graphs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/graph.h"

#include <algorithm>
#include <unordered_set>

#include "suan/graph/op_def.h"
#include "suan/graph/pending.h"

namespace suan {

std::vector<Tensor> Graph::roots() const {
  std::vector<Tensor> roots = outputs;
  for (const StateUpdate& update : updates) roots.push_back(update.value);
  return roots;
}

namespace {

// The nodes of the roots, and of their inputs in turn, as far as a tensor `follows`; by id.
template <class Follows>
std::vector<NodePtr> reach(const std::vector<Tensor>& roots, Follows follows) {
  std::vector<NodePtr> found;
  std::unordered_set<const Node*> seen;
  const auto visit = [&](const Tensor& t) {
    if (t && follows(t) && seen.insert(&t.node()).second) found.push_back(t.node_ptr());
  };
  for (const Tensor& t : roots) visit(t);
  for (size_t i = 0; i < found.size(); ++i) {
    const NodePtr node = found[i];  // `found` grows below
    for (const Tensor& t : node->inputs) visit(t);
  }
  std::sort(found.begin(), found.end(),
            [](const NodePtr& a, const NodePtr& b) { return a->id < b->id; });
  return found;
}

}  // namespace

std::vector<NodePtr> Graph::nodes() const {
  std::vector<Tensor> from = inputs;
  const std::vector<Tensor> results = roots();
  from.insert(from.end(), results.begin(), results.end());
  return reach(from, [](const Tensor&) { return true; });
}

std::vector<NodePtr> unvalued_nodes(std::span<const Tensor> wanted) {
  return reach({wanted.begin(), wanted.end()},
               [](const Tensor& t) { return !t.node().value(t.output()); });
}

void ValueMap::set(const Tensor& from, const Tensor& to) {
  auto& outputs = values_[&from.node()];
  if (outputs.empty()) {
    outputs.resize(from.node().types.size());
    keep_.push_back(from.node_ptr());
  }
  outputs[from.output()] = to;
}

const Tensor* ValueMap::find(const Tensor& from) const {
  if (!from) return nullptr;
  const auto it = values_.find(&from.node());
  if (it == values_.end() || !it->second[from.output()]) return nullptr;
  return &it->second[from.output()];
}

Tensor ValueMap::operator()(const Tensor& from) const {
  const Tensor* to = find(from);
  return to ? *to : from;
}

Graph rewrite(
    const Graph& graph,
    const std::function<std::vector<Tensor>(const NodePtr&, const std::vector<Tensor>&)>& replace) {
  const PauseTracking pause;
  ValueMap map;
  for (const NodePtr& node : graph.nodes()) {
    std::vector<Tensor> inputs;
    bool changed = false;
    for (const Tensor& t : node->inputs) {
      inputs.push_back(t ? map(t) : Tensor());
      changed = changed || (t && !inputs.back().same_as(t));
    }
    const Labelling label(node->label);
    std::vector<Tensor> outputs = replace(node, inputs);
    const int count = static_cast<int>(node->types.size());
    if (!outputs.empty()) {
      for (int i = 0; i < count; ++i) {
        if (outputs[i]) map.set({node, i}, outputs[i]);
      }
    } else if (changed) {
      const NodePtr copy = with_inputs(*node, std::move(inputs));
      for (int i = 0; i < count; ++i) map.set({node, i}, {copy, i});
    }
  }
  Graph out = graph;
  for (Tensor& t : out.inputs) t = map(t);
  for (Tensor& t : out.outputs) t = map(t);
  for (StateUpdate& update : out.updates) update.value = map(update.value);
  return out;
}

Graph with_values(const Graph& graph, const ValueMap& values) {
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>&) {
    const Tensor* value = values.find({node, 0});
    return value ? std::vector{*value} : std::vector<Tensor>();
  });
}
Graph on_inputs(const Graph& graph, std::span<const Tensor> inputs) {
  ValueMap values;
  for (size_t i = 0; i < inputs.size(); ++i) values.set(graph.inputs[i], inputs[i]);
  return with_values(graph, values);
}

}  // namespace suan
