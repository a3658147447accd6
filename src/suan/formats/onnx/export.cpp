// From a graph to a model: lowering to ops that have operators, then a node or a few for each.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/export.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/formats/onnx/internal/emitted.h"
#include "suan/graph/pending.h"
#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"

namespace suan::onnx {
namespace {

constexpr std::span<const ExportRule> (*const kFiles[])() = {
#define EXPORTS(name) export_##name##_rules,
#include "suan/formats/onnx/internal/export_files.inc"
#undef EXPORTS
};

const ExportRule* find_rule(Op op) {
  static const auto* table = [] {
    auto* t = new std::unordered_map<Op, const ExportRule*>;
    for (const auto& file : kFiles) {
      for (const ExportRule& rule : file()) t->emplace(rule.op, &rule);
    }
    return t;
  }();
  const auto found = table->find(op);
  return found == table->end() ? nullptr : found->second;
}

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// Whether simpler ops would round what the op itself computes in f32.
bool rounds_inside(const Node& node) {
  if (!node.op->row && node.op->precision != Precision::full) return false;
  return std::ranges::any_of(node.inputs, [](const Tensor& t) { return t && is_half(t.dtype()); });
}

std::vector<Tensor> widened(const NodePtr& node) {
  std::vector<Tensor> inputs = node->inputs;
  for (Tensor& t : inputs) {
    if (t && is_half(t.dtype())) t = cast(t, DType::f32);
  }
  const NodePtr wide = with_inputs(*node, std::move(inputs));
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < node->types.size(); ++i) {
    outputs.push_back(cast(Tensor(wide, static_cast<int>(i)), node->types[i].dtype));
  }
  return outputs;
}

bool is_lowered(const Node& node) {
  const ExportRule* rule = find_rule(node.op->code);
  return rule ? rule->lower != nullptr : node.op->decompose != nullptr;
}
std::vector<Tensor> lowered_node(const NodePtr& node, int64_t opset) {
  if (rounds_inside(*node)) return widened(node);
  const ExportRule* rule = find_rule(node->op->code);
  return rule ? rule->lower(node, opset) : node->op->decompose(node);
}

Graph lowered(const Graph& graph, int64_t opset) {
  constexpr int kMaxRounds = 16;  // what simpler ops are made of in turn
  const PauseTracking pause;
  Graph current = graph;
  bool changed = true;
  for (int round = 0; changed && round < kMaxRounds; ++round) {
    changed = false;
    current = rewrite(current, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
      if (!is_lowered(*node)) return std::vector<Tensor>();
      std::vector<Tensor> outputs = lowered_node(with_inputs(*node, inputs), opset);
      changed = changed || !outputs.empty();
      return outputs;
    });
  }
  return current;
}

class Assembler {
 public:
  Assembler(const Graph& graph, const ExportOptions& options)
      : graph_(lowered(graph, options.opset)), options_(options), e_(options.opset) {}

  Emitted run() {
    e_.graph.set_name(graph_.name.empty() ? "graph" : graph_.name);
    for (size_t i = 0; i < graph_.inputs.size(); ++i) add_input(i);
    for (const NodePtr& node : graph_.nodes()) {
      if (is(*node, Op::input)) continue;
      Names names = emit(*node);
      for (size_t i = 0; i < names.size(); ++i) {
        e_.set({node, static_cast<int>(i)}, std::move(names[i]));
      }
    }
    for (size_t i = 0; i < graph_.outputs.size(); ++i) {
      const std::string fallback =
          graph_.outputs.size() == 1 ? "output" : fmt::format("output_{}", i);
      add_output(graph_.outputs[i],
                 i < options_.output_names.size() ? options_.output_names[i] : fallback);
    }
    for (const StateUpdate& update : graph_.updates) add_update(update);
    drop_unread();
    return {std::move(e_.graph), std::move(e_.initializers), std::move(e_.numbers), options_.opset};
  }

 private:
  void add_input(size_t i) {
    const Tensor& input = graph_.inputs[i];
    std::string name = i < options_.input_names.size() ? options_.input_names[i] : "";
    if (name.empty()) name = input.node().label;
    if (name.empty()) name = fmt::format("input_{}", i);
    e_.set(input, e_.unique(name));
    e_.describe(*e_.graph.add_input(), e_.of(input), input.type());
  }

  Names emit(const Node& node) {
    if (is(node, Op::constant)) {
      const Type& type = node.types[0];
      return {e_.constant({type.dtype, type.shape, *node.value(0)})};
    }
    if (is(node, Op::state)) return {add_state(*node.state)};
    const ExportRule* rule = find_rule(node.op->code);
    if (!rule || (!rule->emit && rule->type.empty())) {
      fail(ErrorCode::kUnsupported, "export", "{} has no exact form in ONNX opset {}",
           node.op->name, options_.opset);
    }
    return rule->emit ? rule->emit(e_, node) : e_.typed(node, rule->type, rule->dtypes);
  }

  // Outputs have names of their own.
  std::string add_output(const Tensor& value, const std::string& wanted) {
    const std::string name = e_.unique(wanted);
    auto& node = *e_.graph.add_node();
    node.set_op_type("Identity");
    node.set_name(name);
    node.add_input(e_.of(value));
    node.add_output(name);
    e_.describe(*e_.graph.add_output(), name, value.type());
    return name;
  }

  // Results of an operator that nobody asked for leave nodes and constants behind.
  void drop_unread() {
    std::unordered_set<std::string> read;
    for (const auto& info : e_.graph.output()) read.insert(info.name());
    for (const auto& info : e_.graph.input()) read.insert(info.name());
    ::onnx::GraphProto kept;
    for (int i = e_.graph.node_size() - 1; i >= 0; --i) {
      auto& node = *e_.graph.mutable_node(i);
      const auto& outputs = node.output();
      const auto is_read = [&](const std::string& name) { return read.contains(name); };
      if (std::none_of(outputs.begin(), outputs.end(), is_read)) continue;
      read.insert(node.input().begin(), node.input().end());
      kept.add_node()->Swap(&node);
    }
    std::reverse(kept.mutable_node()->pointer_begin(), kept.mutable_node()->pointer_end());
    e_.graph.mutable_node()->Swap(kept.mutable_node());
    std::erase_if(e_.initializers, [&](const auto& entry) { return !read.contains(entry.name); });
  }

  std::string add_state(State& state) {
    std::string& name = states_[&state];
    name = e_.initializer(state.name().empty() ? "state" : state.name(), state.array());
    if (options_.updates) e_.describe(*e_.graph.add_input(), name, state.type());
    return name;
  }

  void add_update(const StateUpdate& update) {
    const auto read = states_.find(update.state.get());
    const std::string& name = read == states_.end() ? update.state->name() : read->second;
    add_output(update.value, name + ".new");
  }

  const Graph graph_;
  const ExportOptions& options_;
  Emitter e_;
  std::unordered_map<const State*, std::string> states_;  // that the graph reads
};

constexpr int64_t kLeastOpset = 18, kMostOpset = 26;

}  // namespace

Emitted emit(const Graph& graph, const ExportOptions& options) {
  if (options.opset < kLeastOpset || options.opset > kMostOpset) {
    fail("export", "opset is {}, expected {} to {}", options.opset, kLeastOpset, kMostOpset);
  }
  const PauseTracking pause;
  Graph wanted = graph;
  if (!options.updates) wanted.updates.clear();
  return Assembler(wanted, options).run();
}

ExportOptions named_after(std::span<const Argument> inputs, std::span<const Argument> outputs,
                          int64_t opset) {
  ExportOptions options{.opset = opset};
  for (const Argument& input : inputs) options.input_names.push_back(input.name);
  for (const Argument& output : outputs) options.output_names.push_back(output.name);
  return options;
}

void expect_tensors(std::span<const Argument> outputs, std::span<const Value> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].kind == TypeKind::tensor && values[i].present()) continue;
    fail(ErrorCode::kUnsupported, "export", "the output '{}' is no tensor", outputs[i].name);
  }
}

ExportedModel export_model(const Graph& graph, const ExportOptions& options) {
  return finish(emit(graph, options), options);
}

}  // namespace suan::onnx
