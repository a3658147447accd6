// Tracing the original for each batch size, and states in place of its constants.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/graph_model.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "suan/base/error.h"
#include "suan/compress/layers.h"
#include "suan/graph/state.h"
#include "suan/ops/op.h"
#include "suan/tensor/trace_function.h"

namespace suan::compress {

nn::Members GraphModel::StateList::members() {
  nn::Members list;
  for (auto& [key, state] : states) list.add(key.second, state);
  return list;
}

GraphModel::GraphModel(std::unique_ptr<models::Model> original) : original_(std::move(original)) {
  original_->module().eval();
  for (const StatePtr& p : original_->module().parameters()) {
    if (p->type().shape.numel() != 1) continue;
    fail("quantize", "'{}' has one element, which a graph cannot train", p->name());
  }
  for (const StatePtr& s : original_->module().states()) {
    original_states_.push_back({s->name(), s});
  }
}

void GraphModel::add_state(const std::string& name, Array value, bool trainable) {
  const std::string full = std::string(kPrefix) + name;
  const int rank = !trainable ? 2 : name.ends_with(".weight") ? 0 : 1;
  module_.states[{rank, full}] = State::create(full, std::move(value), trainable);
}

const StatePtr* GraphModel::find_state(const std::string& name) const {
  for (const auto& [key, state] : module_.states) {
    if (key.second.substr(kPrefix.size()) == name) return &state;
  }
  return nullptr;
}

InferenceGraph GraphModel::original_graph(const std::vector<Type>& types) {
  const auto run = [this](const std::vector<Tensor>& a) { return std::vector{(*original_)(a)}; };
  return inference_graph(trace_function(run, types).graph);
}

std::vector<std::pair<NodePtr, std::string>> GraphModel::weights_of(const InferenceGraph& g) const {
  std::unordered_map<const Buffer*, std::string> names;
  for (const auto& [name, state] : original_states_) names[state->buffer().get()] = name;
  const std::vector<GraphLayer> layers = find_layers(g.graph);
  std::vector<std::pair<NodePtr, std::string>> found;
  std::set<std::string> used;
  for (const NodePtr& node : g.graph.nodes()) {
    const bool weight = is(*node, Op::constant) && node->types[0].dtype == DType::f32 &&
                        !g.fixed.contains(node->values[0].get());
    if (!weight) continue;
    const auto own = names.find(node->values[0].get());
    std::string name = own == names.end() ? "constant" : own->second;
    for (const GraphLayer& layer : layers) {
      for (size_t i = 1; own == names.end() && i < layer.node->inputs.size(); ++i) {
        const bool read = layer.node->inputs[i] && &layer.node->inputs[i].node() == node.get();
        if (read) name = layer.name + (i == 1 ? ".weight" : ".bias");
      }
    }
    std::string unique = name;
    for (int i = 2; !used.insert(unique).second; ++i) unique = fmt::format("{}_{}", name, i);
    found.emplace_back(node, unique);
  }
  return found;
}

const Graph& GraphModel::graph_for(const std::vector<Type>& types) {
  for (const auto& [known, graph] : graphs_) {
    if (known == types) return graph;
  }
  const InferenceGraph g = original_graph(types);
  ValueMap leaves;
  for (const auto& [node, name] : weights_of(g)) {
    const StatePtr* state = find_state(name);
    if (!state || !((*state)->type() == node->types[0])) {
      fail("quantize", "the graph has a weight '{}' {}, the model {}", name,
           to_string(node->types[0]), state ? to_string((*state)->type()) : "none of that name");
    }
    leaves.set({node, 0}, make_state_leaf(*state));
  }
  const auto state_of = [&](const Tensor& t) { return leaves(t); };
  const Graph rebuilt = rebuild_ ? rebuild_(g.graph, state_of) : g.graph;
  graphs_.emplace_back(types, with_values(rebuilt, leaves));
  return graphs_.back().second;
}

Tensor GraphModel::operator()(const std::vector<Tensor>& inputs) {
  std::vector<Type> types;
  for (const Tensor& t : inputs) types.push_back(t.type());
  const Graph& graph = graph_for(types);
  ValueMap given;
  for (size_t i = 0; i < inputs.size(); ++i) given.set(graph.inputs[i], inputs[i]);
  const Graph here = rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>&) {
    if (const Tensor* input = given.find({node, 0})) return std::vector{*input};
    return is(*node, Op::state) ? std::vector{node->state->read()} : std::vector<Tensor>();
  });
  return here.outputs[0];
}

}  // namespace suan::compress
