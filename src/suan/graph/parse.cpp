// Graphs from text: the inverse of print.cpp. Input is hostile: sizes and depth are bounded.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "suan/base/error.h"
#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"
#include "suan/graph/pending.h"
#include "suan/graph/state.h"

namespace suan {

namespace {

constexpr int kMaxDepth = 16;
constexpr int64_t kMaxStateElements = int64_t{1} << 28;

class Parser {
 public:
  Parser(std::string_view text, const ConstantResolver& resolve)
      : whole_(text), text_(text), resolve_(resolve) {}

  Graph whole() {
    Graph graph = parse(0);
    space();
    if (!text_.empty()) error("text after the end of the graph");
    return graph;
  }

 private:
  using Values = std::map<int, NodePtr>;

  [[noreturn]] void error(std::string_view message) {
    const std::string_view done = whole_.substr(0, whole_.size() - text_.size());
    const auto line = std::count(done.begin(), done.end(), '\n') + 1;
    const size_t start = done.rfind('\n');
    const size_t column = done.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
    fail("graph text", "line {}, column {}: {}", line, column, message);
  }
  void space() { skip_space(text_); }
  void expect(std::string_view literal) {
    space();
    if (!parse_literal(text_, literal)) error(fmt::format("expected '{}'", literal));
  }
  bool accept(std::string_view literal) {
    space();
    return parse_literal(text_, literal);
  }
  int integer() {
    int value = -1;
    if (!parse_value(text_, value) || value < 0) error("expected a number");
    return value;
  }

  Graph parse(int depth) {
    if (depth > kMaxDepth) error("regions are nested too deeply");
    Graph graph;
    Values values;
    std::map<int, Tensor>
        leaves;  // by number: the caller's order, which their places need not have
    expect("graph");
    expect("{");
    while (true) {
      space();
      if (accept("return")) break;
      node(leaves, values, depth);
    }
    for (const auto& [number, input] : leaves) graph.inputs.push_back(input);
    space();
    while (text_.starts_with("%")) {
      graph.outputs.push_back(operand(values));
      if (!accept(",")) break;
      space();
    }
    while (accept("update")) {
      std::string name;
      space();
      if (!parse_value(text_, name)) error("expected the quoted name of a state");
      expect("=");
      space();
      const auto state = states_.find(name);
      const Tensor value = operand(values);
      StatePtr target = state != states_.end() ? state->second : new_state(name, value.type());
      graph.updates.push_back({std::move(target), value});
    }
    expect("}");
    return graph;
  }

  Tensor operand(const Values& values) {
    if (parse_literal(text_, "_")) return {};
    if (!parse_literal(text_, "%")) error("expected a value such as %3");
    const auto it = values.find(integer());
    if (it == values.end()) error("a value is used before it is defined");
    int output = 0;
    if (parse_literal(text_, ".")) output = integer();
    if (output >= static_cast<int>(it->second->types.size())) error("no such output");
    return {it->second, output};
  }

  StatePtr new_state(const std::string& name, const Type& type) {
    if (resolve_) error("a state has no place beside constants that lie elsewhere");
    // Stepwise, so that the product cannot overflow.
    int64_t numel = 1;
    for (int64_t size : type.shape) {
      if (size < 0 || (size > 0 && numel > kMaxStateElements / size)) error("a state is too large");
      numel *= size;
    }
    state_elements_ += numel;
    if (state_elements_ > kMaxStateElements) error("the states are too large");
    Array zeros(type.dtype, type.shape);
    std::fill_n(zeros.as<uint8_t>(), zeros.bytes(), uint8_t{0});
    return states_[name] = State::create(name, std::move(zeros));
  }

  Type type() {
    space();
    Type t;
    if (!parse_value(text_, t.dtype) || !parse_value(text_, t.shape)) {
      error("expected a type such as f32[2, 3]");
    }
    if (!t.shape.fits_memory()) error("a type is too large");
    return t;
  }

  // Attributes of leaves: label="..", name="..", hex="..", ref="..".
  std::map<std::string, std::string> strings() {
    std::map<std::string, std::string> out;
    if (!accept("{")) return out;
    while (!accept("}")) {
      space();
      const std::string key(parse_word(text_));
      expect("=");
      if (!parse_value(text_, out[key])) error("expected a quoted string");
      accept(",");
    }
    return out;
  }

  NodePtr leaf(std::string_view kind) {
    expect(")");
    auto settings = strings();
    expect(":");
    const Type t = type();
    if (kind == "input") return make_input(t, settings["label"]).node_ptr();
    if (kind == "state") {
      const std::string& name = settings["name"];
      const auto it = states_.find(name);
      const StatePtr state = it != states_.end() ? it->second : new_state(name, t);
      if (!(state->type() == t)) error("a state is read with two types");
      return make_state_leaf(state).node_ptr();
    }
    const auto reference = settings.find("ref");
    if (reference == settings.end()) return constant(settings["hex"], t);
    if (!resolve_) error("a constant lies elsewhere");
    return make_constant(t, resolve_(reference->second, t)).node_ptr();
  }

  NodePtr constant(std::string_view hex, const Type& t) {
    int64_t numel = 1;
    for (int64_t size : t.shape) {
      if (size < 0 || (size > 0 && numel > static_cast<int64_t>(hex.size()) / size + 1)) {
        error("a constant's hex digits do not fit its type");
      }
      numel *= size;
    }
    if (hex.size() != static_cast<size_t>(numel) * size_of(t.dtype) * 2) {
      error("a constant's hex digits do not fit its type");
    }
    Array array(t.dtype, t.shape);
    for (size_t i = 0; i < array.bytes(); ++i) {
      const auto digit = [&](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        error("a constant has a bad hex digit");
      };
      array.as<uint8_t>()[i] = static_cast<uint8_t>(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
      if (t.dtype == DType::boolean) array.as<uint8_t>()[i] &= 1;
    }
    return make_constant(t, array.buffer).node_ptr();
  }

  void node(std::map<int, Tensor>& leaves, Values& values, int depth) {
    expect("%");
    const int number = integer();
    if (values.contains(number)) error("a value is defined twice");
    expect("=");
    space();
    const std::string_view name = parse_word(text_);
    const OpDef* op = find_op(name);
    if (!op) error(fmt::format("there is no op '{}'", name));
    expect("(");
    if (!op->infer) {
      values[number] = leaf(name);
      if (name == "input") leaves[number] = Tensor(values[number], 0);
      return;
    }
    std::vector<Tensor> inputs;
    space();
    while (!accept(")")) {
      space();
      inputs.push_back(operand(values));
      accept(",");
      if (inputs.size() > 100'000) error("too many operands");
    }
    Attrs attrs = op->attrs ? Attrs(op->attrs, op->attrs->defaults()) : Attrs();
    if (accept("{")) attributes(*op, attrs);
    std::vector<std::shared_ptr<const Graph>> regions;
    space();
    while (text_.starts_with("graph")) {
      regions.push_back(std::make_shared<const Graph>(parse(depth + 1)));
      space();
    }
    values[number] = make_node(*op, std::move(inputs), std::move(attrs), std::move(regions));
    check_types(*values[number]);
  }

  void attributes(const OpDef& op, Attrs& attrs) {
    std::string bad;
    auto value = op.attrs ? op.attrs->parse(text_, bad) : nullptr;
    if (!value)
      error(fmt::format("{} has no such attribute, or not this value: '{}'", op.name, bad));
    attrs = Attrs(op.attrs, std::move(value));
    expect("}");
  }

  void check_types(const Node& made) {
    expect(":");
    for (size_t i = 0; i < made.types.size(); ++i) {
      if (i) expect(",");
      const Type written = type();
      if (parse_literal(text_, "@")) parse_word(text_);
      if (!(written == made.types[i])) {
        error(fmt::format("{} gives {}, the text says {}", made.op->name, to_string(made.types[i]),
                          to_string(written)));
      }
    }
  }

  std::string_view whole_;
  std::string_view text_;
  const ConstantResolver& resolve_;
  std::map<std::string, StatePtr> states_;
  int64_t state_elements_ = 0;  // of all of them
};

}  // namespace

Graph parse_graph(std::string_view text, const ConstantResolver& resolve) {
  const PauseTracking pause;
  return Parser(text, resolve).whole();
}

}  // namespace suan
