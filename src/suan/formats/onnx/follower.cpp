// Walking the nodes of a model.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/follower.h"

#include <algorithm>
#include <functional>
#include <random>
#include <unordered_set>
#include <utility>

#include "suan/backend/evaluate.h"
#include "suan/base/nearest.h"
#include "suan/formats/onnx/internal/newer_fields.h"
#include "suan/formats/onnx/operators.h"
#include "suan/graph/op_def.h"
#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/tensor/compile.h"

namespace suan::onnx {

class Follower::Scope {
 public:
  explicit Scope(const Scope* outer) : outer_(outer) {}
  const Value* find(const std::string& name) const {
    for (const Scope* scope = this; scope; scope = scope->outer_) {
      const auto found = scope->values_.find(name);
      if (found != scope->values_.end()) return &found->second;
    }
    return nullptr;
  }
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  void erase(const std::string& name) { values_.erase(name); }

 private:
  const Scope* outer_;
  std::unordered_map<std::string, Value> values_;
};

namespace {

// Restores a member when a scope ends.
template <class T>
class Restore {
 public:
  Restore(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  ~Restore() { place_ = std::move(old_); }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  T& place_;
  T old_;
};

const std::string& name_of(const ::onnx::NodeProto& node) {
  return node.name().empty() && node.output_size() ? node.output(0) : node.name();
}
std::string label_of(const ::onnx::NodeProto& node) {
  return fmt::format("'{}' ({})", name_of(node), node.op_type());
}
std::string title(const ::onnx::NodeProto& node) { return "node " + label_of(node); }

bool is_full(const Tensor& t) { return is(t.node(), Op::full); }

}  // namespace

Tensor Follower::fresh_key() {
  std::random_device device;
  const auto seed = static_cast<int64_t>(uint64_t{device()} << 32 | device());
  Tensor key = Tensor::of<int64_t>({seed, 0}, {2});
  if (!records_) return key;
  const StatePtr state = State::create(fmt::format("random_key_{}", updates_.size()), key.array());
  const Tensor now = make_state_leaf(state);
  updates_.push_back({state, now + Tensor::of<int64_t>({0, 1}, {2})});
  return now;
}

bool Follower::is_known(const Tensor& tensor) const {
  return tensor.node().value(tensor.output()) || is_full(tensor);
}

Array Follower::known_array(const Tensor& tensor, std::string_view what) const {
  if (!is_known(tensor) && !is_constant(tensor)) {
    throw DataDependent(what, "its value is known only when the graph runs");
  }
  return compute(tensor, what);
}

// The value, where it and all on the way to it stay within the limits.
Array Follower::compute(const Tensor& tensor, std::string_view what) const {
  for (const NodePtr& node : unvalued_nodes({&tensor, 1})) {
    for (const Type& type : node->types) check_size(type, what);
    flops_ += cost_of(*node).flops;
  }
  if (flops_ > model_.limits.flops) {
    fail(ErrorCode::kUnsupported, what, "needs more than {} operations, which is the limit",
         model_.limits.flops);
  }
  return evaluate(tensor, current_backend());
}

void Follower::check_size(const Type& type, std::string_view what) const {
  if (type.bytes() <= model_.limits.value_bytes) return;
  fail(ErrorCode::kUnsupported, what, "{} is over the limit of {} bytes", suan::to_string(type),
       model_.limits.value_bytes);
}

int64_t Follower::opset_of(const std::string& domain) const {
  const auto found = opsets_->find(domain == "ai.onnx" ? "" : domain);
  return found == opsets_->end() ? 1 : found->second;
}

std::vector<Value> Follower::run(const std::vector<Value>& arguments) {
  Scope initializers(nullptr);
  for (const auto& [name, tensor] : model_.initializers) initializers.set(name, tensor);
  return follow_graph(model_.proto.graph(), &initializers, arguments);
}

std::vector<Value> Follower::follow_graph(const ::onnx::GraphProto& graph, const Scope* outer,
                                          std::vector<Value> arguments) {
  if (depth_ >= model_.limits.depth) {
    fail(ErrorCode::kBadFile, "graph", "subgraphs are nested deeper than {}", model_.limits.depth);
  }
  const Restore<int> deeper(depth_, depth_ + 1);
  Scope scope(outer);
  if (depth_ > 1) {  // those of the main graph are ready
    for (const auto& t : graph.initializer()) {
      scope.set(t.name(), Tensor::from(read_tensor(t, model_.where)));
    }
  }
  size_t next = 0;
  for (const auto& input : graph.input()) {
    if (depth_ == 1 && model_.initializers.contains(input.name())) continue;
    if (next < arguments.size()) {
      scope.set(input.name(), std::move(arguments[next++]));
    } else if (!scope.find(input.name())) {
      fail(graph.name(), "input '{}' is missing", input.name());
    }
  }
  follow_nodes(graph.node(), scope);
  std::vector<Value> outputs;
  for (const auto& output : graph.output()) {
    const Value* value = scope.find(output.name());
    if (!value) {
      fail(ErrorCode::kBadFile, "graph", "no node computes the output '{}'", output.name());
    }
    outputs.push_back(*value);
  }
  return outputs;
}

void Follower::follow_nodes(const google::protobuf::RepeatedPtrField<::onnx::NodeProto>& nodes,
                            Scope& scope, const std::vector<bool>* chosen) {
  const Restore<const Scope*> here(scope_, &scope);
  const Restore<Position> position(position_, {&nodes, 0});
  const int count = chosen ? static_cast<int>(chosen->size()) : nodes.size();
  for (; position_.next < count; ++position_.next) {
    const ::onnx::NodeProto& node = nodes[position_.next];
    if (chosen && !(*chosen)[static_cast<size_t>(position_.next)]) continue;
    if (++followed_ > model_.limits.nodes) {
      fail(ErrorCode::kUnsupported, "graph", "more than {} nodes ran", model_.limits.nodes);
    }
    if (!known_ && followed_ > model_.limits.recorded) {
      throw DataDependent("graph", fmt::format("it has more than {} nodes, with its loops unrolled",
                                               model_.limits.recorded));
    }
    std::vector<Value> outputs;
    const std::string label = label_of(node);
    const Labelling labelling(label);
    try {
      outputs = follow_node(node, scope);
    } catch (const DataDependent& e) {
      throw depth_ > 1 ? e : DataDependent(title(node), e.what());
    } catch (const Error& e) {
      if (std::string_view(e.what()).starts_with("node '")) throw;
      throw Error(e.code(), title(node), e.what());
    }
    for (int i = 0; i < node.output_size() && i < static_cast<int>(outputs.size()); ++i) {
      if (node.output(i).empty()) continue;
      Value& value = outputs[static_cast<size_t>(i)];
      if (all_ && depth_ == 1) {
        all_->push_back({name_of(node), node.op_type(), node.output(i), value});
      }
      scope.set(node.output(i), std::move(value));
    }
  }
}

void Follower::refuse_operator(const ::onnx::NodeProto& node) const {
  const bool imported = opsets_->contains(node.domain() == "ai.onnx" ? "" : node.domain());
  const std::string near = nearest_operator(node.op_type());
  fail(ErrorCode::kUnsupported, "operator", "there is no '{}' in domain '{}' (the model {}){}",
       node.op_type(), node.domain(),
       imported ? fmt::format("has its opset {}", opset_of(node.domain())) : "imports none of it",
       near.empty() ? "" : fmt::format("; the nearest is '{}'", near));
}

std::vector<Value> Follower::follow_node(const ::onnx::NodeProto& node, Scope& scope) {
  std::vector<Value> inputs;
  for (const std::string& name : node.input()) {
    const Value* value = name.empty() ? nullptr : scope.find(name);
    if (!name.empty() && !value) {
      fail(ErrorCode::kBadFile, "input", "'{}' is not computed by any node before", name);
    }
    inputs.push_back(value ? *value : Value());
  }
  if (!model_.functions.empty()) {
    const auto function = model_.functions.find(function_key(node));
    if (function != model_.functions.end()) {
      return call_function(*function->second, node, std::move(inputs));
    }
  }
  const OperatorRule* rule = find_operator(node.domain(), node.op_type());
  if (!rule) refuse_operator(node);
  const NodeView view(node, opset_of(node.domain()), std::move(inputs), *this);
  std::vector<Value> outputs = rule->follow(view);
  settle(view, outputs);
  return outputs;
}

namespace {

// Calls f on every name that the node or a graph within it may read.
void for_each_used(const ::onnx::NodeProto& node,
                   const std::function<void(const std::string&)>& f) {
  for (const std::string& name : node.input()) f(name);
  for (const auto& attribute : node.attribute()) {
    if (!attribute.has_g()) continue;
    for (const auto& inner : attribute.g().node()) for_each_used(inner, f);
    for (const auto& output : attribute.g().output()) f(output.name());
  }
}

// Which of the first `count` nodes give `wanted` or lead to it, and depend on a changed name.
std::vector<bool> leading(const google::protobuf::RepeatedPtrField<::onnx::NodeProto>& nodes,
                          int count, std::unordered_set<std::string> changed,
                          const std::map<std::string, Value>& given, const std::string& wanted) {
  std::vector<bool> chosen(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    bool depends = false;
    const auto test = [&](const std::string& name) {
      depends = depends || (!name.empty() && changed.contains(name));
    };
    for_each_used(nodes[i], test);
    for (const auto& attribute : nodes[i].attribute()) {  // what a gradient is of
      if (nodes[i].op_type() == "Gradient" && attribute.name() == "y") test(attribute.s());
    }
    chosen[static_cast<size_t>(i)] = depends;
    if (depends) changed.insert(nodes[i].output().begin(), nodes[i].output().end());
  }
  std::unordered_set<std::string> needed{wanted};
  for (int i = count - 1; i >= 0; --i) {
    const auto& outputs = nodes[i].output();
    const bool is_needed = std::any_of(outputs.begin(), outputs.end(), [&](const auto& name) {
      return !name.empty() && needed.contains(name) && !given.contains(name);
    });
    chosen[static_cast<size_t>(i)] = chosen[static_cast<size_t>(i)] && is_needed;
    if (!chosen[static_cast<size_t>(i)]) continue;
    for_each_used(nodes[i], [&](const std::string& name) { needed.insert(name); });
  }
  return chosen;
}

}  // namespace

Value Follower::follow_again(const std::map<std::string, Value>& given, const std::string& wanted) {
  if (depth_ >= model_.limits.depth) {
    fail(ErrorCode::kBadFile, "graph", "nodes are followed again deeper than {}",
         model_.limits.depth);
  }
  const Restore<int> deeper(depth_, depth_ + 1);
  const Restore<bool> recorded(known_, false);
  std::unordered_set<std::string> names = changed_;  // what changed around this stays so
  for (const auto& [name, value] : given) names.insert(name);
  const Restore<std::unordered_set<std::string>> changed(changed_, names);
  const auto chosen = leading(*position_.nodes, position_.next, std::move(names), given, wanted);
  Scope scope(scope_);
  for (const auto& [name, value] : given) scope.set(name, value);
  follow_nodes(*position_.nodes, scope, &chosen);
  const Value* value = scope.find(wanted);
  if (!value) fail(ErrorCode::kBadFile, "graph", "no node before computes '{}'", wanted);
  return *value;
}

// What follows from constants is computed at once, but for quantized weights of what is recorded.
void Follower::settle(const NodeView& node, std::vector<Value>& outputs) const {
  bool all_known = true;
  for (const Value& value : node.inputs) {
    for_each_tensor(value, [&](const Tensor& t) { all_known = all_known && is_known(t); });
  }
  for (Value& value : outputs) {
    for_each_tensor(value, [&](Tensor& t) {
      if (is_full(t) || t.node().value(t.output())) return;
      check_size(t.type(), "value");
      if (!all_known && !known_) return;
      if (!known_ && !is_constant(t)) return;  // random numbers, and what a subgraph captured
      if (!known_ && is(t.node(), Op::dequantize)) return;  // products take weights as stored
      t = Tensor::from(compute(t, "value"));
    });
  }
}

namespace {

// A copy of a function's node with its references to the call's attributes resolved.
::onnx::NodeProto with_attributes(const ::onnx::NodeProto& node, const ::onnx::NodeProto& call,
                                  const ::onnx::FunctionProto& function);

void resolve_graph(::onnx::GraphProto& graph, const ::onnx::NodeProto& call,
                   const ::onnx::FunctionProto& function) {
  for (auto& node : *graph.mutable_node()) node = with_attributes(node, call, function);
}

::onnx::NodeProto with_attributes(const ::onnx::NodeProto& node, const ::onnx::NodeProto& call,
                                  const ::onnx::FunctionProto& function) {
  ::onnx::NodeProto copy = node;
  copy.clear_attribute();
  for (const auto& attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      auto* kept = copy.add_attribute();
      *kept = attribute;
      if (kept->has_g()) resolve_graph(*kept->mutable_g(), call, function);
      continue;
    }
    for (const auto& given : call.attribute()) {
      if (given.name() != attribute.ref_attr_name()) continue;
      auto* resolved = copy.add_attribute();
      *resolved = given;
      resolved->set_name(attribute.name());
    }
  }
  return copy;
}

// The call with all attributes: those that it does not give are the function's own.
::onnx::NodeProto with_defaults(const ::onnx::NodeProto& call,
                                const ::onnx::FunctionProto& function) {
  ::onnx::NodeProto whole = call;
  for (::onnx::AttributeProto& attribute : default_attributes(function)) {
    const auto is_it = [&](const auto& given) { return given.name() == attribute.name(); };
    if (std::any_of(call.attribute().begin(), call.attribute().end(), is_it)) continue;
    *whole.add_attribute() = std::move(attribute);
  }
  return whole;
}

}  // namespace

std::vector<Value> Follower::call_function(const ::onnx::FunctionProto& function,
                                           const ::onnx::NodeProto& node,
                                           std::vector<Value> inputs) {
  if (depth_ >= model_.limits.depth) {
    fail(ErrorCode::kBadFile, "function", "functions are nested deeper than {}",
         model_.limits.depth);
  }
  const Restore<int> deeper(depth_, depth_ + 1);
  Opsets opsets;
  for (const auto& set : function.opset_import()) {
    opsets[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  }
  const Restore<const Opsets*> own(opsets_, &opsets);
  const Restore<std::unordered_set<std::string>> own_names(changed_, {});
  Scope scope(nullptr);
  for (int i = 0; i < function.input_size(); ++i) {
    scope.set(function.input(i),
              static_cast<size_t>(i) < inputs.size() ? inputs[static_cast<size_t>(i)] : Value());
  }
  const ::onnx::NodeProto call = with_defaults(node, function);
  google::protobuf::RepeatedPtrField<::onnx::NodeProto> body;
  for (const auto& inner : function.node()) *body.Add() = with_attributes(inner, call, function);
  follow_nodes(body, scope);
  std::vector<Value> outputs;
  for (const std::string& name : function.output()) {
    const Value* value = scope.find(name);
    outputs.push_back(value ? *value : Value());
  }
  return outputs;
}

}  // namespace suan::onnx
