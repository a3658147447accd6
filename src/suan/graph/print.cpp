// Graphs as text. The form is line by line: results, op, operands, attributes, types.
// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"
#include "suan/graph/state.h"

namespace suan {
namespace {

uint64_t digest(const void* data, size_t bytes) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325;
  for (size_t i = 0; i < bytes; ++i) h = (h ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3;
  return h;
}

void print_constant(std::string& out, const Node& node, int64_t max_constant) {
  const Type& type = node.types[0];
  const Buffer& value = *node.values[0];
  if (type.shape.numel() > max_constant) {
    out += "digest=\"" + std::to_string(digest(value.data(), type.bytes())) + "\"";
    return;
  }
  out += "hex=\"";
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < type.bytes(); ++i) {
    const uint8_t byte = value.as<uint8_t>()[i];
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  out += '"';
}

class Printer {
 public:
  Printer(std::string& out, int64_t max_constant, bool key, ConstantReference reference = nullptr)
      : out_(out), max_constant_(max_constant), key_(key), reference_(std::move(reference)) {}

  void graph(const Graph& g, int indent) {
    const auto saved = std::move(numbers_);
    numbers_.clear();
    const std::string pad(static_cast<size_t>(indent), ' ');
    out_ += "graph {\n";
    for (const Tensor& t : g.inputs) number(t.node());
    for (const NodePtr& node : g.nodes()) {
      out_ += pad + "  ";
      line(*node, indent);
      out_ += '\n';
    }
    out_ += pad + "  return ";
    list(g.outputs);
    for (const StateUpdate& update : g.updates) {
      out_ += "\n" + pad + "  update ";
      print_value(out_, state_name(*update.state));
      out_ += " = ";
      value(update.value);
    }
    out_ += "\n" + pad + "}";
    numbers_ = saved;
  }

 private:
  std::string state_name(const State& state) {
    if (!key_) return state.name();
    const auto it = states_.try_emplace(&state, states_.size()).first;
    return std::to_string(it->second);
  }
  int number(const Node& node) {
    return numbers_.try_emplace(&node, static_cast<int>(numbers_.size())).first->second;
  }
  void value(const Tensor& t) {
    if (!t) {
      out_ += '_';
      return;
    }
    out_ += '%' + std::to_string(number(t.node()));
    if (t.node().types.size() > 1) out_ += '.' + std::to_string(t.output());
  }
  void list(const std::vector<Tensor>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (i) out_ += ", ";
      value(values[i]);
    }
  }
  void attributes(const Node& node) {
    std::string text = node.attrs.text();
    if (!node.values.empty() && node.inputs.empty() && node.op->name == "constant") {
      const auto reference = reference_ ? reference_(node) : std::nullopt;
      if (reference) {
        text += "ref=";
        print_value(text, *reference);
      } else {
        print_constant(text, node, key_ ? 0 : max_constant_);
      }
    }
    if (node.state) {
      text += "name=";
      print_value(text, state_name(*node.state));
    } else if (!node.op->infer && !node.label.empty() && !key_) {
      text += "label=";
      print_value(text, node.label);
    }
    if (!text.empty()) out_ += " {" + text + "}";
  }
  void line(const Node& node, int indent) {
    out_ += '%' + std::to_string(number(node)) + " = ";
    out_ += node.op->name;
    out_ += '(';
    list(node.inputs);
    out_ += ')';
    attributes(node);
    for (const auto& region : node.regions) {
      out_ += " ";
      graph(*region, indent + 2);
    }
    out_ += " : ";
    for (size_t i = 0; i < node.types.size(); ++i) {
      if (i) out_ += ", ";
      out_ += to_string(node.types[i]);
      const Layout layout = node.layout(static_cast<int>(i));
      if (layout != Layout::plain) out_ += "@" + std::string(name(layout));
    }
  }

  std::string& out_;
  int64_t max_constant_;
  bool key_;
  ConstantReference reference_;
  std::unordered_map<const Node*, int> numbers_;
  std::unordered_map<const State*, size_t> states_;
};

}  // namespace

std::string to_text(const Graph& graph, int64_t max_constant) {
  std::string out;
  Printer(out, max_constant, false).graph(graph, 0);
  return out + "\n";
}

std::string to_text(const Graph& graph, const ConstantReference& reference) {
  std::string out;
  Printer(out, INT64_MAX, false, reference).graph(graph, 0);
  return out + "\n";
}

std::string structure_key(const Graph& graph) {
  std::string out;
  Printer(out, 0, true).graph(graph, 0);
  return out;
}

}  // namespace suan
