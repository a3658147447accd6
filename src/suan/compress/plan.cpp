// What is quantized: from the layers' inputs backwards.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/plan.h"

#include <algorithm>
#include <unordered_map>

#include "suan/compress/weights.h"
#include "suan/graph/users.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

using Value = std::pair<const Node*, int>;
Value value_of(const Tensor& t) { return {&t.node(), t.output()}; }

// Whether every element of the results is one of the inputs', or 0.
bool moves(const Node& node) {
  constexpr Op kMovers[] = {Op::max_pool, Op::reshape, Op::transpose, Op::slice,
                            Op::place,    Op::concat,  Op::split};
  return std::ranges::any_of(kMovers, [&](Op op) { return is(node, op); });
}

class Planner {
 public:
  Planner(const Graph& graph, const std::vector<std::string>& skip) : graph_(graph), users_(graph) {
    plan_.layers = find_layers(graph, skip);
    for (const GraphLayer& layer : plan_.layers) {
      if (layer.reason.empty()) quantized_.insert(layer.node.get());
    }
  }

  QuantizationPlan run() {
    for (const GraphLayer& layer : plan_.layers) {
      if (layer.reason.empty()) read(*layer.node, 0, !layer.linear());
    }
    for (const NodePtr& node : graph_.nodes()) {
      if (is(*node, Op::add)) residual(*node);
    }
    number_groups();
    return std::move(plan_);
  }

 private:
  // The value is wanted as integers; and so is what it is moved from.
  void want(const Tensor& t, bool by_convolution) {
    const size_t id = id_of(t);
    by_convolution_[root(id)] = by_convolution_[root(id)] || by_convolution;
    if (!wanted_.insert(value_of(t)).second || !moves(t.node())) return;
    for (size_t i = 0; i < t.node().inputs.size(); ++i) {
      read(t.node(), i, by_convolution);
      join(id, id_of(t.node().inputs[i]));
    }
  }
  void read(const Node& node, size_t input, bool by_convolution) {
    reads_.insert({&node, input});
    want(node.inputs[input], by_convolution);
  }

  // a + b, where one is a convolution's result that nobody else reads.
  void residual(const Node& node) {
    const Tensor &a = node.inputs[0], &b = node.inputs[1];
    if (!(a.shape() == b.shape())) return;
    const auto follows = [&](const Tensor& t) {
      return is(t.node(), Op::conv) && quantized_.contains(&t.node()) && users_.only(t.node());
    };
    const bool from_a = follows(a), from_b = follows(b);
    if (!from_a && !from_b) return;
    // Of two convolutions the later one adds.
    const size_t other = from_a && (!from_b || a.node().id > b.node().id) ? 1 : 0;
    if (comes_as_integers(node.inputs[other])) read(node, other, true);
  }
  bool comes_as_integers(const Tensor& t) const {
    if (wanted_.contains(value_of(t))) return true;
    if (moves(t.node())) {
      return std::ranges::all_of(t.node().inputs,
                                 [&](const Tensor& from) { return comes_as_integers(from); });
    }
    return ends_convolution(t);
  }
  // Whether it is a quantized convolution's result, perhaps after an activation.
  bool ends_convolution(const Tensor& t, int depth = 4) const {
    if (quantized_.contains(&t.node())) return is(t.node(), Op::conv);
    if (!t.node().op->row || depth == 0) return false;
    return std::ranges::any_of(t.node().inputs, [&](const Tensor& from) {
      return from.shape() == t.shape() && ends_convolution(from, depth - 1);
    });
  }

  size_t id_of(const Tensor& t) {
    const auto [it, fresh] = ids_.try_emplace(value_of(t), values_.size());
    if (fresh) {
      values_.push_back(t);
      parent_.push_back(it->second);
      by_convolution_.push_back(false);
    }
    return it->second;
  }
  size_t root(size_t id) const {
    while (parent_[id] != id) id = parent_[id];
    return id;
  }
  void join(size_t a, size_t b) {
    a = root(a);
    b = root(b);
    by_convolution_[std::min(a, b)] = by_convolution_[a] || by_convolution_[b];
    parent_[std::max(a, b)] = std::min(a, b);
  }

  void number_groups() {
    std::map<size_t, size_t> group_of;  // by root
    for (size_t id = 0; id < values_.size(); ++id) {
      const auto [it, fresh] = group_of.try_emplace(root(id), plan_.groups.size());
      if (fresh) plan_.groups.push_back({.by_convolution = by_convolution_[root(id)]});
      if (!moves(values_[id].node())) plan_.groups[it->second].sources.push_back(values_[id]);
    }
    for (const auto& [node, input] : reads_) {
      const size_t id = ids_.at(value_of(node->inputs[input]));
      plan_.reads[{node, input}] = group_of.at(root(id));
    }
  }

  const Graph& graph_;
  const Users users_;
  QuantizationPlan plan_;
  std::set<const Node*> quantized_;
  std::set<Value> wanted_;
  std::set<std::pair<const Node*, size_t>> reads_;
  std::map<Value, size_t> ids_;
  std::vector<Tensor> values_;  // by id
  std::vector<size_t> parent_;
  std::vector<bool> by_convolution_;  // of roots
};

}  // namespace

QuantizationPlan plan_quantization(const Graph& graph, const std::vector<std::string>& skip) {
  return Planner(graph, skip).run();
}

Graph apply_plan(const Graph& graph, const QuantizationPlan& plan,
                 const std::function<Tensor(const Tensor& value, size_t group)>& activation,
                 const std::function<Tensor(const GraphLayer& layer, const Tensor& w)>& weights) {
  std::unordered_map<const Node*, const GraphLayer*> layers;
  for (const GraphLayer& layer : plan.layers) {
    if (layer.reason.empty()) layers[layer.node.get()] = &layer;
  }
  std::map<Value, Tensor> made;  // by the value as it is in `graph`
  // Layers that share weights (the steps of a recurrent one) share what is made of them.
  std::map<std::pair<Value, int>, Tensor> made_weights;
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> operands = inputs;
    bool changed = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto found = plan.reads.find({node.get(), i});
      if (found == plan.reads.end()) continue;
      Tensor& value = made[value_of(node->inputs[i])];
      if (!value) value = activation(inputs[i], found->second);
      operands[i] = value;
      changed = true;
    }
    if (const auto layer = layers.find(node.get()); layer != layers.end()) {
      const int axis = weight_view(*node).inner_axis;
      Tensor& w = made_weights[{value_of(node->inputs[1]), axis}];
      if (!w) w = weights(*layer->second, inputs[1]);
      operands[1] = w;
      changed = true;
    }
    std::vector<Tensor> outputs;
    if (!changed) return outputs;
    const NodePtr copy = with_inputs(*node, operands);
    for (size_t i = 0; i < node->types.size(); ++i) outputs.emplace_back(copy, static_cast<int>(i));
    return outputs;
  });
}

}  // namespace suan::compress
