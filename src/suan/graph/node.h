// Node: one use of an operation. Immutable once made, but for the cached value of a realised
// output. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "suan/graph/attrs.h"
#include "suan/graph/layout.h"
#include "suan/graph/tensor.h"

namespace suan {

struct Graph;
struct OpDef;
class State;

struct Node {
  uint64_t id = 0;  // grows with creation, so ids order every graph: inputs before users
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<Tensor> inputs;  // an undefined Tensor is an absent optional input
  std::vector<Type> types;     // one per output
  std::vector<std::shared_ptr<const Graph>> regions;
  std::string label;                      // a name for people: of an input, of what it comes from
  std::shared_ptr<State> state;           // of a `state` leaf
  mutable std::vector<BufferPtr> values;  // realised outputs; a constant has its value from birth
  std::vector<Layout> layouts;            // storage of each output; empty means all plain

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();  // releases long chains without recursion

  const BufferPtr* value(int output) const {
    return values.empty() || !values[output] ? nullptr : &values[output];
  }
  Layout layout(int output) const { return layouts.empty() ? Layout::plain : layouts[output]; }
  template <class A>
  const A& attr() const {
    return attrs.get<A>();
  }
};

inline const Type& Tensor::type() const { return node_->types[output_]; }
inline Layout layout_of(const Tensor& t) { return t.node().layout(t.output()); }

// Makes a node of `op`: checks the inputs by the op's rule (throws Error) and infers its types.
NodePtr make_node(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs = {},
                  std::vector<std::shared_ptr<const Graph>> regions = {});
// The same, for ops with one output.
Tensor make(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs = {});
// A node like `node` with other inputs (its types are inferred anew).
NodePtr with_inputs(const Node& node, std::vector<Tensor> inputs);

// While one of these lives, nodes made on this thread bear its label, unless it is empty.
class Labelling {
 public:
  explicit Labelling(const std::string& label);
  ~Labelling();
  Labelling(const Labelling&) = delete;
  Labelling& operator=(const Labelling&) = delete;

 private:
  const std::string* before_;
};

// For messages about a node: what it is, "gather", after what it comes from, if that is known.
std::string where_of(const Node& node, std::string_view what);
std::string where_of(const Node& node);  // what it is: its op

Tensor make_input(Type type, std::string label);
Tensor make_state_leaf(const std::shared_ptr<State>& state);
Tensor make_constant(Type type, BufferPtr value);
// The value of a constant, or of a `full` scalar, where it is known while building the graph.
const Array* known_value(const Tensor& tensor, Array& storage);

}  // namespace suan
