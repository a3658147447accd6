// Graph: a pure computation in SSA form. Inputs and states go in; outputs and new state values come
// out. Nodes are shared and immutable, so a pass makes a new Graph out of old and new nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "suan/graph/node.h"

namespace suan {

// The new value that a state takes when the graph has run.
struct StateUpdate {
  std::shared_ptr<State> state;
  Tensor value;
};

struct Graph {
  std::string name;
  std::vector<Tensor> inputs;  // `input` nodes, in the caller's order
  std::vector<Tensor> outputs;
  std::vector<StateUpdate> updates;

  // All nodes that the outputs and updates need (and all inputs), ordered inputs before users.
  std::vector<NodePtr> nodes() const;
  // outputs, then the updates' values.
  std::vector<Tensor> roots() const;
};

// The nodes that must run for the values of `wanted` to be known, inputs before users: the walk
// stops at values that are there.
std::vector<NodePtr> unvalued_nodes(std::span<const Tensor> wanted);

// Text form. Prints constants of up to `max_constant` elements in full, larger ones as a digest.
std::string to_text(const Graph& graph, int64_t max_constant = 256);
// The same with constants kept beside the text: what `reference` gives for a constant stands in its
// place; where it gives nothing, the constant is printed in full.
using ConstantReference = std::function<std::optional<std::string>(const Node&)>;
std::string to_text(const Graph& graph, const ConstantReference& reference);
// The inverse of to_text, with plain layouts; throws Error with line and column. States are created
// anew by name. `resolve` gives the block of a constant that is a reference: of the type's bytes.
using ConstantResolver = std::function<BufferPtr(std::string_view reference, const Type& type)>;
Graph parse_graph(std::string_view text, const ConstantResolver& resolve = nullptr);

// A key that is equal for graphs that compute the same with the same structure, whatever their
// inputs', states' and (with `abstract_constants`) large constants' values.
std::string structure_key(const Graph& graph);

// Throws Error naming the node when an invariant is broken: order, arity, inferred types, states.
void verify(const Graph& graph);

// A map from old values to new ones while a graph is being rebuilt.
class ValueMap {
 public:
  void set(const Tensor& from, const Tensor& to);
  const Tensor* find(const Tensor& from) const;
  Tensor operator()(const Tensor& from) const;  // `from` itself where nothing replaced it

 private:
  std::unordered_map<const Node*, std::vector<Tensor>> values_;
  std::vector<NodePtr> keep_;  // keys stay alive, so addresses are not reused
};

// Rebuilds a graph node by node. `replace` gets each node and its new inputs and returns its new
// outputs, or an empty vector to keep it (with the new inputs). Untouched nodes are shared.
Graph rewrite(
    const Graph& graph,
    const std::function<std::vector<Tensor>(const NodePtr&, const std::vector<Tensor>&)>& replace);
// The graph with other values in place of those that nodes with one output have.
Graph with_values(const Graph& graph, const ValueMap& values);
// The graph on other values of its inputs' types, in their order.
Graph on_inputs(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace suan
