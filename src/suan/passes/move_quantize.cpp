// Moves are of integers where they can be: what only moves elements goes before dequantize and
// behind quantize, and what is quantized as it was before stays as it is.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/ops/concat.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/internal/recognise.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

using Inputs = std::vector<Tensor>;

// The scale and zero point of a quantize or dequantize node that has one of each.
struct Scheme {
  double scale, zero;
  DType dtype;  // of the integers
  bool operator==(const Scheme&) const = default;
};
std::optional<Scheme> scheme_of(const Node& node, const Inputs& inputs) {
  const std::optional<double> scale = number(inputs[1]);
  const bool has_zero = inputs.size() > 2 && inputs[2];
  const std::optional<double> zero = has_zero ? number(inputs[2]) : 0.0;
  if (!scale || !zero || inputs[1].rank() != 0) return std::nullopt;
  const bool back = is(node, Op::dequantize);
  return Scheme{*scale, *zero, back ? inputs[0].dtype() : node.types[0].dtype};
}
std::optional<Scheme> dequantized(const Tensor& t) {
  if (!t || !is(t.node(), Op::dequantize)) return std::nullopt;
  return scheme_of(t.node(), t.node().inputs);
}

bool only_moves(const Node& node) {
  constexpr Op kMoves[] = {Op::reshape, Op::transpose, Op::slice};
  return std::any_of(std::begin(kMoves), std::end(kMoves), [&](Op op) { return is(node, op); });
}

// The node on other operands in place of its first ones.
Tensor remade(const Node& node, Inputs inputs) {
  return {make_node(*node.op, std::move(inputs), node.attrs, node.regions), 0};
}
Tensor on(const Node& node, const Inputs& inputs, const Tensor& first) {
  Inputs operands = inputs;
  operands[0] = first;
  return remade(node, std::move(operands));
}

// move(dequantize(q)) is dequantize(move(q)). The largest of a window too, as scales are above 0.
Tensor before_dequantize(const Node& node, const Inputs& inputs) {
  const auto scheme = dequantized(inputs[0]);
  if (!scheme || scheme->scale <= 0) return {};
  if (!only_moves(node) && !is(node, Op::max_pool)) return {};
  const Node& back = inputs[0].node();
  return on(back, back.inputs, on(node, inputs, back.inputs[0]));
}
Tensor concat_before_dequantize(const Node& node, const Inputs& inputs) {
  if (!is(node, Op::concat)) return {};
  const auto scheme = dequantized(inputs[0]);
  const bool all = scheme && std::all_of(inputs.begin(), inputs.end(), [&](const Tensor& t) {
                     return dequantized(t) == scheme && t.dtype() == inputs[0].dtype();
                   });
  if (!all) return {};
  Inputs integers;
  for (const Tensor& t : inputs) integers.push_back(t.node().inputs[0]);
  const Node& back = inputs[0].node();
  return on(back, back.inputs, remade(node, std::move(integers)));
}

// The scales or zero points of the rows of `whole` that are gathered along `axis`, of those of all.
Tensor gathered(const Tensor& scales, const Shape& whole, const Tensor& indices, int axis) {
  const int own = scales ? axis - (whole.rank() - scales.rank()) : -1;
  const bool varies = own >= 0 && scales.shape()[own] == whole[axis];
  return varies ? gather(scales, indices, own) : scales;
}

// Rows of a constant table, which then stays as it is stored. Their scales vary along one axis
// still, since that of the indices is one.
Tensor gather_before_dequantize(const Node& node, const Inputs& inputs) {
  if (!is(node, Op::gather) || node.types[0].shape.numel() == 0) return {};
  if (!is(inputs[0].node(), Op::dequantize)) return {};
  const Node& back = inputs[0].node();
  const Shape& whole = back.types[0].shape;
  const auto& attrs = back.attr<DequantizeAttrs>();
  const int axis = normalize_axis(node.attr<GatherAttrs>().axis, whole.rank(), "gather");
  const bool across = attrs.block > 0 && attrs.axis == axis;
  if (!is(back.inputs[0].node(), Op::constant) || across) return {};
  const Tensor indices = reshape(inputs[1], {inputs[1].shape().numel()});
  const auto part = [&](size_t i) {
    return i < back.inputs.size() ? gathered(back.inputs[i], whole, indices, axis) : Tensor();
  };
  const Tensor rows = dequantize(gather(back.inputs[0], indices, axis), part(1), part(2), attrs);
  return reshape(rows, node.types[0].shape);
}

// quantize(view(x)) is view(quantize(x)), and quantize(dequantize(q)) is q.
Tensor behind_quantize(const Node& node, const Inputs& inputs) {
  if (!is(node, Op::quantize)) return {};
  const auto scheme = scheme_of(node, inputs);
  if (!scheme) return {};
  if (dequantized(inputs[0]) == scheme) return inputs[0].node().inputs[0];
  const Node& view = inputs[0].node();
  if (!is(view, Op::reshape) && !is(view, Op::transpose)) return {};
  return on(view, view.inputs, on(node, inputs, view.inputs[0]));
}

}  // namespace

Graph move_quantize(const Graph& graph, const Target&) {
  return rewrite(graph, [](const NodePtr& node, const Inputs& inputs) -> Inputs {
    if (inputs.empty() || !inputs[0] || node->types.size() != 1) return {};
    constexpr Tensor (*kRules[])(const Node&, const Inputs&) = {
        before_dequantize, concat_before_dequantize, gather_before_dequantize, behind_quantize};
    for (auto* rule : kRules) {
      if (Tensor t = rule(*node, inputs)) return {t};
    }
    return {};
  });
}

}  // namespace suan
