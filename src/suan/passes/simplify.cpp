// Local rewrites that need no knowledge of the device. Each rule returns the replacement of a
// node's only output, or an undefined tensor. SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <unordered_map>

#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/internal/whole_numbers.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

using Inputs = std::vector<Tensor>;

bool is_full(const Tensor& t) { return t && is(t.node(), Op::full); }
double full_value(const Tensor& t) { return t.node().attr<FullAttrs>().value; }

double rounded(double value, DType dtype) {
  if (dtype == DType::f32) return static_cast<float>(value);
  if (dtype == DType::bf16) return static_cast<float>(bfloat16(static_cast<float>(value)));
  if (dtype == DType::f16) return static_cast<float>(float16(static_cast<float>(value)));
  return value;
}

// An elementwise op of known numbers is a known number.
Tensor fold_full(const Node& node, const Inputs& inputs) {
  if (!node.op->row || !is_float(inputs.back().dtype())) return {};
  double values[3] = {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_full(inputs[i])) return {};
    values[i] = full_value(inputs[i]);
  }
  const DType dtype = node.types[0].dtype;
  const double value = rounded(node.op->row->f64(values), dtype);
  if (std::isnan(value)) return {};  // text and attribute equality want numbers
  return full(value, node.types[0].shape, dtype);
}

// Moving or repeating one number gives the same number.
Tensor move_full(const Node& node, const Inputs& inputs) {
  const bool moves = is(node, Op::reshape) || is(node, Op::broadcast_to) || is(node, Op::transpose);
  if (!moves || !is_full(inputs[0])) return {};
  return full(full_value(inputs[0]), node.types[0].shape, node.types[0].dtype);
}

// A constant of one element is a number.
Tensor constant_number(const Node& node) {
  const Type& type = node.types[0];
  if (type.kind != TypeKind::tensor || type.shape.numel() != 1 || type.dtype == DType::string) {
    return {};
  }
  return visit(type.dtype, [&](auto tag) -> Tensor {
    using T = typename decltype(tag)::type;
    const T element = *node.values[0]->as<T>();
    const auto value = static_cast<double>(element);
    constexpr double kWhole = 9007199254740992.0;  // 2^53: beyond it doubles skip integers
    const bool exact = is_float(type.dtype) || std::abs(value) < kWhole;
    if (!std::isfinite(value) || !exact) return {};
    return full(value, type.shape, type.dtype);
  });
}

// x + 0, x - 0, x * 1, x / 1, where x has the result's type.
Tensor drop_neutral(const Node& node, const Inputs& inputs) {
  const auto takes = [&](Op op, double neutral, bool either) -> Tensor {
    if (!is(node, op)) return {};
    if (is_full_of(inputs[1], neutral) && inputs[0].type() == node.types[0]) return inputs[0];
    if (either && is_full_of(inputs[0], neutral) && inputs[1].type() == node.types[0]) {
      return inputs[1];
    }
    return {};
  };
  if (Tensor t = takes(Op::add, 0, true)) return t;
  if (Tensor t = takes(Op::sub, 0, false)) return t;
  if (Tensor t = takes(Op::mul, 1, true)) return t;
  return takes(Op::div, 1, false);
}

Tensor drop_moves(const Node& node, const Inputs& inputs) {
  if (is(node, Op::stop_gradient)) return inputs[0];
  if (is(node, Op::reshape) && is(inputs[0].node(), Op::reshape)) {
    return reshape(inputs[0].node().inputs[0], node.types[0].shape);
  }
  return {};
}

// Whole numbers that become i32 and floats again stay as they are.
Tensor drop_casts(const Node& node, const Inputs& inputs) {
  if (!is(node, Op::cast) || !is(inputs[0].node(), Op::cast)) return {};
  const Tensor& x = inputs[0].node().inputs[0];
  constexpr double kMost = 2147483648.0;  // 2^31
  const bool fits = inputs[0].dtype() == DType::i32 && x.type() == node.types[0];
  return fits && largest_whole(x) < kMost ? x : Tensor();
}

// A repeated number as an operand broadcasts by itself: the scalar does. So does broadcast_to.
Tensor shrink_operands(const Node& node, const Inputs& inputs) {
  if (!node.op->row || inputs.size() < 2) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool repeated = is(inputs[i].node(), Op::broadcast_to);
    if (!repeated && (!is_full(inputs[i]) || inputs[i].rank() == 0)) continue;
    Inputs smaller = inputs;
    smaller[i] =
        repeated ? inputs[i].node().inputs[0] : full(full_value(inputs[i]), {}, inputs[i].dtype());
    Shape shape = smaller[0].shape();
    for (const Tensor& t : smaller) shape = broadcast_shapes(shape, t.shape(), node.op->name);
    if (shape == node.types[0].shape) return {make_node(*node.op, smaller, node.attrs), 0};
  }
  return {};
}

class Merger {
 public:
  // The earlier node equal to this one, or null; remembers this one.
  NodePtr find(const NodePtr& node) {
    if (node->op->random || !node->op->infer || !node->regions.empty()) return nullptr;
    std::string key(node->op->name);
    key += node->attrs.text();
    for (const Tensor& t : node->inputs) {
      key += t ? '%' + std::to_string(t.node().id) + '.' + std::to_string(t.output()) : "_";
    }
    const auto [it, fresh] = seen_.try_emplace(std::move(key), node);
    return fresh ? nullptr : it->second;
  }

 private:
  std::unordered_map<std::string, NodePtr> seen_;
};

Tensor apply_rules(const Node& node, const Inputs& inputs) {
  constexpr Tensor (*kRules[])(const Node&, const Inputs&) = {
      fold_full, move_full, drop_neutral, drop_moves, drop_casts, shrink_operands};
  for (const Tensor& t : inputs) {
    if (!t) return {};
  }
  if (inputs.empty() || node.types.size() != 1) return {};
  for (auto* rule : kRules) {
    if (Tensor t = rule(node, inputs)) return t;
  }
  return {};
}

}  // namespace

Graph simplify(const Graph& graph, const Target&) {
  Merger merger;
  return rewrite(graph, [&](const NodePtr& node, const Inputs& inputs) -> Inputs {
    if (is(*node, Op::constant)) {
      const Tensor value = constant_number(*node);
      return value ? Inputs{value} : Inputs{};
    }
    NodePtr current = node;
    Inputs in = inputs;
    // A rule's result may fit another rule; each shrinks the graph, so this ends.
    for (int i = 0; i < 8; ++i) {
      const Tensor next = apply_rules(*current, in);
      if (!next) break;
      if (next.node().id < node->id || next.node().types.size() != 1) return {next};
      current = next.node_ptr();
      in = current->inputs;
    }
    if (current == node) {
      bool changed = false;
      for (size_t i = 0; i < in.size(); ++i) {
        changed = changed || (in[i] && !in[i].same_as(node->inputs[i]));
      }
      if (changed) current = with_inputs(*node, in);
    }
    if (const NodePtr earlier = merger.find(current)) current = earlier;
    if (current == node) return {};
    Inputs outputs;
    for (size_t i = 0; i < node->types.size(); ++i) {
      outputs.emplace_back(current, static_cast<int>(i));
    }
    return outputs;
  });
}

}  // namespace suan
