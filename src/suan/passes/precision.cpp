// One walk in order: each node's operands are cast to the precision its policy asks for, and what
// its shape rule then gives is the new type of its results. Casts are shared, and fuse with their
// users.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/precision.h"

#include <algorithm>
#include <map>

#include "suan/base/error.h"
#include "suan/graph/users.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

class Lowering {
 public:
  explicit Lowering(Arithmetic arithmetic)
      : low_(data_dtype(arithmetic)), fp8_(arithmetic == Arithmetic::fp8) {}

  // `t` as `dtype`, where it is one of the two precisions.
  Tensor at(const Tensor& t, DType dtype) {
    if (!t || t.dtype() == dtype || !takes_part(t)) return t;
    if (is(t.node(), Op::cast)) {
      const Tensor& source = t.node().inputs[0];
      if (source.dtype() == dtype) return source;
    }
    Tensor& made = casts_[{&t.node(), t.output(), dtype}];
    if (!made) {
      made = cast(t, dtype);
      keep_.push_back(t);
    }
    return made;
  }

  // The outputs by FP8 operands; empty: the node stays as it is.
  std::vector<Tensor> in_fp8(const Node& node, const std::vector<Tensor>& operands) const {
    if (!fp8_ || !node.op->in_fp8 || operands[0].dtype() != low_) return {};
    return node.op->in_fp8(with_inputs(node, operands));
  }

  std::vector<Tensor> convert(const Node& node, std::vector<Tensor> inputs) {
    if (is(node, Op::cast) || node.op->forwards) return inputs;
    if (node.op->exact && node.op->exact(node)) {
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i]) inputs[i] = at(inputs[i], node.inputs[i].dtype());
      }
      return inputs;
    }
    switch (node.op->precision) {
      case Precision::low:
        return low_where_accepted(node, inputs);
      case Precision::full:
        return accepts(node, inputs) ? inputs : all_at(inputs, DType::f32);
      case Precision::follow:
        break;
    }
    return all_at(inputs, data_is_low(node, inputs) ? low_ : DType::f32);
  }

 private:
  bool takes_part(const Tensor& t) const { return t.dtype() == low_ || t.dtype() == DType::f32; }

  std::vector<Tensor> all_at(std::vector<Tensor> inputs, DType dtype) {
    for (Tensor& t : inputs) t = at(t, dtype);
    return inputs;
  }

  // All operands in low precision, but for one that the op wants as it is (attention's
  // log-sum-exp).
  std::vector<Tensor> low_where_accepted(const Node& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> low = all_at(inputs, low_);
    if (accepts(node, low)) return low;
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::vector<Tensor> but_one = low;
      but_one[i] = inputs[i];
      if (accepts(node, but_one)) return but_one;
    }
    return all_at(inputs, DType::f32);
  }

  bool data_is_low(const Node& node, const std::vector<Tensor>& inputs) const {
    const int64_t full = node.types[0].shape.numel();
    bool any = false;
    for (const Tensor& t : inputs) {
      if (!t || !takes_part(t)) continue;
      any = any || t.dtype() == low_;
      if (t.dtype() == DType::f32 && t.shape().numel() >= full && !is(t.node(), Op::full)) {
        return false;
      }
    }
    return any;
  }

  static bool accepts(const Node& node, const std::vector<Tensor>& inputs) {
    try {
      node.op->infer(InferContext(*node.op, inputs, node.attrs, node.regions));
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  DType low_;
  bool fp8_;
  std::map<std::tuple<const Node*, int, DType>, Tensor> casts_;
  std::vector<Tensor> keep_;
};

// Whether all that is done with y, which may be reshaped, is a cast to `low`.
bool only_wanted_low(const Users& users, const Tensor& y, DType low) {
  if (users.is_result(y.node())) return false;
  bool wanted = false;
  for (const NodePtr& user : users.of(y.node())) {
    const auto reads = [&](const Tensor& t) { return t && t.same_as(y); };
    if (std::none_of(user->inputs.begin(), user->inputs.end(), reads)) continue;
    wanted = true;
    const bool casts = is(*user, Op::cast) && user->types[0].dtype == low;
    const bool forwards = is(*user, Op::reshape) && only_wanted_low(users, {user, 0}, low);
    if (!casts && !forwards) return false;
  }
  return wanted;
}

// Norms of f32 rows write 16 bits where nobody wants more.
Graph narrow_norms(const Graph& graph, DType low) {
  const Users users(graph);
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (is(*node, Op::cast) && inputs[0].dtype() == node->types[0].dtype) return inputs;
    if (!is_norm(*node) || node->types[0].dtype != DType::f32) return outputs;
    if (!only_wanted_low(users, {node, 0}, low)) return outputs;
    LayerNormAttrs attrs = node->attr<LayerNormAttrs>();
    attrs.result = low == DType::bf16 ? NormResult::bf16 : NormResult::f16;
    const NodePtr narrow = make_node(*node->op, inputs, attrs);
    for (size_t i = 0; i < node->types.size(); ++i) {
      outputs.emplace_back(narrow, static_cast<int>(i));
    }
    return outputs;
  });
}

}  // namespace

Graph lower_precision(const Graph& graph, Arithmetic arithmetic) {
  if (data_dtype(arithmetic) == DType::f32) return graph;
  Lowering lowering(arithmetic);
  Graph out = rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (!node->op->infer) return outputs;
    std::vector<Tensor> operands = lowering.convert(*node, inputs);
    outputs = lowering.in_fp8(*node, operands);
    if (!outputs.empty()) return outputs;
    bool changed = false;
    for (size_t i = 0; i < operands.size(); ++i) {
      changed = changed || (operands[i] && !operands[i].same_as(node->inputs[i]));
    }
    if (!changed) return outputs;
    // A cast to what its operand has become is the operand.
    if (is(*node, Op::cast) && operands[0].dtype() == node->types[0].dtype) return operands;
    const NodePtr copy = with_inputs(*node, std::move(operands));
    for (size_t i = 0; i < node->types.size(); ++i) outputs.emplace_back(copy, static_cast<int>(i));
    return outputs;
  });
  for (size_t i = 0; i < out.outputs.size(); ++i) {
    out.outputs[i] = lowering.at(out.outputs[i], graph.outputs[i].dtype());
  }
  for (size_t i = 0; i < out.updates.size(); ++i) {
    out.updates[i].value = lowering.at(out.updates[i].value, graph.updates[i].value.dtype());
  }
  return narrow_norms(out, data_dtype(arithmetic));
}

Graph allow_tf32(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    const OpDef& op = *node->op;
    if (!op.in_tf32 || node->types[0].dtype != DType::f32) return outputs;
    if (op.exact && op.exact(*node)) return outputs;
    const Attrs attrs = op.in_tf32(*node);
    if (attrs == node->attrs) return outputs;
    const NodePtr copy = make_node(op, inputs, attrs, node->regions);
    for (size_t i = 0; i < node->types.size(); ++i) outputs.emplace_back(copy, static_cast<int>(i));
    return outputs;
  });
}

}  // namespace suan
