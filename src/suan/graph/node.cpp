// Making nodes: arity check, inference, ids; and letting go of long chains.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/node.h"

#include <atomic>

#include "suan/base/error.h"
#include "suan/graph/op_def.h"
#include "suan/graph/pending.h"
#include "suan/graph/trace.h"

namespace suan {
namespace {

thread_local const std::string* current_label = nullptr;

uint64_t next_id() {
  static std::atomic<uint64_t> counter{1};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

void check_arity(const OpDef& op, const std::vector<Tensor>& inputs) {
  size_t required = 0;
  bool variadic = false;
  for (std::string_view name : op.inputs) {
    if (name.back() == '*') {
      variadic = true;
    } else if (name.back() != '?') {
      ++required;
    }
  }
  const size_t most = variadic ? SIZE_MAX : op.inputs.size();
  if (inputs.size() < required || inputs.size() > most) {
    fail(op.name, "got {} inputs, expected {}", inputs.size(),
         variadic ? fmt::format("at least {}", required) : fmt::format("{}", op.inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool optional = i < op.inputs.size() && op.inputs.begin()[i].back() == '?';
    if (!inputs[i] && !optional) fail(op.name, "input {} is undefined", i);
  }
}

}  // namespace

Labelling::Labelling(const std::string& label) : before_(current_label) {
  if (!label.empty()) current_label = &label;
}
Labelling::~Labelling() { current_label = before_; }

std::string where_of(const Node& node, std::string_view what) {
  return node.label.empty() ? std::string(what) : fmt::format("node {}: {}", node.label, what);
}
std::string where_of(const Node& node) { return where_of(node, node.op->name); }

Node::~Node() {
  // A chain of a million nodes must not recurse a million destructors deep.
  thread_local std::vector<Tensor>* queue = nullptr;
  if (queue) {
    for (Tensor& input : inputs) queue->push_back(std::move(input));
    return;
  }
  std::vector<Tensor> pending = std::move(inputs);
  queue = &pending;
  while (!pending.empty()) {
    const Tensor last = std::move(pending.back());
    pending.pop_back();
  }
  queue = nullptr;
}

NodePtr make_node(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs,
                  std::vector<std::shared_ptr<const Graph>> regions) {
  check_arity(op, inputs);
  auto node = std::make_shared<Node>();
  node->id = next_id();
  node->op = &op;
  node->types = op.infer(InferContext(op, inputs, attrs, regions));
  for (const Type& type : node->types) {
    if (!type.shape.fits_memory()) fail(op.name, "the result {} is too large", to_string(type));
  }
  node->attrs = std::move(attrs);
  node->inputs = std::move(inputs);
  node->regions = std::move(regions);
  if (current_label) node->label = *current_label;
  note_pending(node);
  return node;
}

Tensor make(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs) {
  return {make_node(op, std::move(inputs), std::move(attrs)), 0};
}

NodePtr with_inputs(const Node& node, std::vector<Tensor> inputs) {
  auto copy = std::make_shared<Node>();
  copy->id = next_id();
  copy->op = node.op;
  copy->types = node.op->infer(InferContext(*node.op, inputs, node.attrs, node.regions));
  copy->attrs = node.attrs;
  copy->inputs = std::move(inputs);
  copy->regions = node.regions;
  copy->label = node.label;
  copy->state = node.state;
  copy->layouts = node.layouts;
  return copy;
}

namespace {
Tensor make_leaf(const OpDef& op, Type type, std::string label) {
  auto node = std::make_shared<Node>();
  node->id = next_id();
  node->op = &op;
  node->types = {std::move(type)};
  node->label = std::move(label);
  return {node, 0};
}
}  // namespace

extern const OpDef input_op, constant_op, state_op;

Tensor make_input(Type type, std::string label) {
  return make_leaf(input_op, std::move(type), std::move(label));
}

Tensor make_constant(Type type, BufferPtr value) {
  Tensor leaf = make_leaf(constant_op, std::move(type), "");
  leaf.node().values = {std::move(value)};
  return leaf;
}

Tensor make_state_leaf(const StatePtr& state) {
  Tensor leaf = make_leaf(state_op, state->type(), state->name());
  std::const_pointer_cast<Node>(leaf.node_ptr())->state = state;
  return leaf;
}

std::string_view InferContext::name() const { return op.name; }

Tensor Tensor::from(Array array) {
  return make_constant(Type(array.dtype, array.shape), std::move(array.buffer));
}

int64_t Tensor::size(int axis) const {
  const int64_t size = shape()[normalize_axis(axis, rank(), "size")];
  if (Trace* trace = Trace::current()) {
    trace->note_specialisation(fmt::format("size({}) of {}", axis, to_string(type())));
  }
  return size;
}

}  // namespace suan
