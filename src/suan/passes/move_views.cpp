// Moving reshapes, transposes and slices out of the way of products with constant weights, so that
// what follows a product can become its tail and nothing is copied:
//  - a change of the rows' order or shape before or after a product moves below it, and below the
//    elementwise ops and norms over the last axis that follow;
//  - slices of a product's columns become products with slices of the weights.
// Behind products of any weights, a reshape moves below what the target fuses with the product.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "suan/graph/users.h"
#include "suan/ops/gather.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/passes/internal/region_builder.h"
#include "suan/passes/internal/view_chain.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

using Inputs = std::vector<Tensor>;

bool is_constant(const Tensor& t) {
  const bool converted = is(t.node(), Op::cast) || is(t.node(), Op::dequantize);
  const Node& node = converted ? t.node().inputs[0].node() : t.node();
  return is(node, Op::constant);
}
// With one scale for all.
bool is_quantize(const Node& node) {
  return is(node, Op::quantize) && node.inputs[1].shape().numel() == 1;
}
bool is_constant_product(const Node& node) {
  return is(node, Op::matmul) && node.inputs[1].rank() == 2 && is_constant(node.inputs[1]) &&
         !node.attr<MatmulAttrs>().transpose_a;
}
bool is_elementwise(const Node& node) {
  return (node.op->row || is(node, Op::cast) || is_quantize(node)) && node.types.size() == 1;
}
Shape rows_of(const Shape& shape) {
  return {shape.numel() / std::max<int64_t>(1, shape.back()), shape.back()};
}
// Whether the view leaves every row (along the last axis) whole.
bool keeps_rows(const View& view) {
  if (view.shape.rank() == 0 || view.source.rank() == 0) return false;
  const int64_t width = view.shape.back();
  if (width == 1 || view.source.shape().back() != width) return false;
  return !view.moves() ||
         (view.axes.back() == view.split.rank() - 1 && view.split.back() % width == 0);
}
// The same change of rows for another width.
Tensor with_rows_of(const View& view, const Tensor& y) {
  View moved{.source = y, .split = view.split, .axes = view.axes, .shape = view.shape};
  moved.shape[moved.shape.rank() - 1] = y.shape().back();
  if (view.moves()) {
    const int last = moved.split.rank() - 1;
    moved.split[last] = moved.split[last] / view.shape.back() * y.shape().back();
  }
  return moved.tensor();
}

class ViewMover {
 public:
  ViewMover(const Graph& graph, const Target& target) : users_(graph), target_(target) {}

  Inputs operator()(const NodePtr& node, const Inputs& inputs) {
    if (!node->op->infer || std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) {
          return t && t.type().kind != TypeKind::tensor;
        })) {
      return {};
    }
    if (is_constant_product(*node)) return product(*node, inputs);
    if (is_elementwise(*node)) {
      Inputs moved = elementwise(*node, inputs);
      return moved.empty() ? tail(*node, inputs) : moved;
    }
    if (is_norm(*node)) return norm(*node, inputs);
    if (is(*node, Op::slice) || is(*node, Op::gather)) return part_of_product(node, inputs);
    return {};
  }

 private:
  // rows(view(x)) W = view(rows(x) W)
  Inputs product(const Node& node, const Inputs& inputs) {
    const Tensor& x = inputs[0];
    if (x.rank() < 2 || !is_constant(inputs[1])) return {};
    const auto view = view_of(x);
    const bool moves = view && view->moves() && keeps_rows(*view) && view->source.rank() > 1;
    if (!moves && x.rank() == 2) return {};
    const Tensor source = moves ? view->source : x;
    const NodePtr made =
        make_node(*node.op, {reshaped(source, rows_of(source.shape())), inputs[1]}, node.attrs);
    products_.insert(made);
    if (moves) return {reshaped(with_rows_of(*view, {made, 0}), node.types[0].shape)};
    return {reshaped({made, 0}, node.types[0].shape)};
  }
  // Whether it is a product's result, or what elementwise ops make of one.
  bool is_rows(const Tensor& t, int depth = 8) const {
    const Node& node = t.node();
    if (t.rank() != 2 || depth == 0) return false;
    if (is_constant_product(node) || products_.contains(t.node_ptr())) return true;
    return is_elementwise(node) &&
           std::any_of(node.inputs.begin(), node.inputs.end(), [&](const Tensor& input) {
             return input.shape() == t.shape() && is_rows(input, depth - 1);
           });
  }
  // The view of a product's rows that one of the inputs is, in the node's shape.
  std::optional<View> view_among(const Inputs& inputs, const Shape& shape) const {
    for (const Tensor& t : inputs) {
      if (!t || !(t.shape() == shape)) continue;
      auto view = view_of(t);
      const bool changed = view && (view->moves() || !(view->source.shape() == shape));
      if (changed && is_rows(view->source) && keeps_rows(*view)) return view;
    }
    return std::nullopt;
  }

  // An operand of a node of the shape `view.shape` for one of the shape of the view's source;
  // undefined: there is none without copying.
  static Tensor below(const Tensor& t, const View& view) {
    const Shape& shape = t.shape();
    if (shape.numel() == 1) return reshaped(t, {});
    if (shape.numel() == shape.back() && shape.back() == view.shape.back()) {
      return reshaped(t, {shape.back()});
    }
    if (!(shape == view.shape)) return {};
    const auto own = view_of(t);
    const bool same = own && own->axes == view.axes && own->split == view.split &&
                      own->source.shape() == view.source.shape();
    if (same) return own->source;
    return view.moves() ? Tensor() : reshaped(t, view.source.shape());
  }

  static NodePtr below(const Node& node, const Inputs& inputs, const View& view) {
    Inputs operands;
    for (const Tensor& t : inputs) {
      operands.push_back(below(t, view));
      if (!operands.back()) return nullptr;
    }
    const NodePtr made = make_node(*node.op, std::move(operands), node.attrs);
    return made->types[0].shape == view.source.shape() ? made : nullptr;
  }

  Inputs elementwise(const Node& node, const Inputs& inputs) {
    const auto view = view_among(inputs, node.types[0].shape);
    const NodePtr made = view ? below(node, inputs, *view) : nullptr;
    if (!made) return {};
    products_.insert(made);
    View moved = *view;
    moved.source = {made, 0};
    return {moved.tensor()};
  }

  // A node that the target fuses with the product whose reshaped result it reads.
  Inputs tail(const Node& node, const Inputs& inputs) {
    const Shape& shape = node.types[0].shape;
    if (!target_.fuses_tail || !node.op->row) return {};
    for (const Tensor& t : inputs) {
      if (!t || !(t.shape() == shape)) continue;
      const auto view = view_of(t);
      if (!view || view->moves() || view->source.shape() == shape || !keeps_rows(*view)) continue;
      std::vector<NodePtr> members = tail_of(view->source.node_ptr());
      if (members.empty()) continue;
      const NodePtr made = below(node, inputs, *view);
      if (!made) continue;
      members.push_back(made);
      if (!is_tail(members) && !leads_to_tail(members, node)) continue;
      tails_[made] = members;
      return {reshaped({made, 0}, shape)};
    }
    return {};
  }
  // The product that the node is, or that it follows, up to the node.
  std::vector<NodePtr> tail_of(const NodePtr& node) const {
    const auto found = tails_.find(node);
    if (found != tails_.end()) return found->second;
    return target_.begins_tail(*node) ? std::vector{node} : std::vector<NodePtr>();
  }
  bool is_tail(const std::vector<NodePtr>& members) const {
    const RegionBuilder builder(members, none_);
    const Tensor last(members.back(), 0), before(members[members.size() - 2], 0);
    const auto fuses = [&](const std::vector<Tensor>& results) {
      return target_.fuses_tail(*members[0], builder.region(results));
    };
    return fuses({last}) || (last.node().inputs.size() == 1 && fuses({before, last}));
  }
  // Whether it is one together with a node that reads nothing but this one.
  bool leads_to_tail(const std::vector<NodePtr>& members, const Node& node) const {
    const auto users = users_.of(node);
    return std::any_of(users.begin(), users.end(), [&](const NodePtr& user) {
      if (!user->op->row || user->inputs.size() != 1) return false;
      std::vector<NodePtr> longer = members;
      longer.push_back(make_node(*user->op, {{members.back(), 0}}, user->attrs));
      return is_tail(longer);
    });
  }

  Inputs norm(const Node& node, const Inputs& inputs) {
    if (node.attr<LayerNormAttrs>().axes != 1) return {};
    const auto view = view_among({inputs[0]}, node.types[0].shape);
    if (!view || view->moves()) return {};
    Inputs operands = inputs;
    operands[0] = view->source;
    const NodePtr made = make_node(*node.op, std::move(operands), node.attrs);
    products_.insert(made);
    Inputs outputs;
    for (size_t i = 0; i < node.types.size(); ++i) {
      outputs.push_back(reshaped({made, static_cast<int>(i)}, node.types[i].shape));
    }
    return outputs;
  }

  struct Range {
    int64_t axis, begin, count;
  };
  // What a slice or a gather of one index takes, where that is a part of one axis.
  static std::optional<Range> range_of(const Node& node) {
    const Shape& shape = node.inputs[0].shape();
    if (is(node, Op::gather)) {
      const Tensor& index = node.inputs[1];
      if (!is(index.node(), Op::full) || index.rank() != 0) return std::nullopt;
      Range range{.axis = node.attr<GatherAttrs>().axis,
                  .begin = static_cast<int64_t>(index.node().attr<FullAttrs>().value),
                  .count = 1};
      if (range.axis < 0) range.axis += shape.rank();
      const int64_t size = shape[static_cast<int>(range.axis)];
      if (range.begin < 0) range.begin += size;
      return range.begin >= 0 && range.begin < size ? std::optional(range) : std::nullopt;
    }
    if (!is(node, Op::slice)) return std::nullopt;
    const auto& attrs = node.attr<SliceAttrs>();
    std::optional<Range> range;
    for (size_t i = 0; i < attrs.sizes.size(); ++i) {
      if (attrs.sizes[i] == shape[static_cast<int>(i)]) continue;
      if (range || attrs.steps[i] != 1) return std::nullopt;
      range = {static_cast<int64_t>(i), attrs.starts[i], attrs.sizes[i]};
    }
    return range;
  }
  // Whether the whole is read in parts alone, which together are no more than it.
  bool is_read_in_parts(const Node& whole) const {
    int64_t total = 0, axis = -1;
    for (const NodePtr& user : users_.of(whole)) {
      const auto range = range_of(*user);
      if (!range || (axis >= 0 && range->axis != axis)) return false;
      axis = range->axis;
      total += range->count;
    }
    return axis >= 0 && !users_.is_result(whole) &&
           total <= whole.types[0].shape[static_cast<int>(axis)];
  }
  // Whether nothing else reads what is computed between a constant product and this node.
  bool leads_to_product(const Node& node) const {
    const Node* at = &node;
    while (!is_constant_product(*at)) {
      const bool passes = is(*at, Op::reshape) || is(*at, Op::transpose) || is_elementwise(*at);
      if (!passes) return false;
      const Node* next = nullptr;
      for (const Tensor& t : at->inputs) {
        if (t.shape().numel() == at->types[0].shape.numel() && !is_constant(t)) {
          if (next) return false;
          next = &t.node();
        }
      }
      if (!next || !users_.only(*next)) return false;
      at = next;
    }
    return true;
  }

  Inputs part_of_product(const NodePtr& node, const Inputs& inputs) {
    const Node& whole = node->inputs[0].node();
    const auto range = range_of(*node);
    if (!range || !is_read_in_parts(whole) || !leads_to_product(whole)) return {};
    const Tensor taken = part(inputs[0], *range);
    if (!taken) return {};
    const Tensor result = reshaped(taken, node->types[0].shape), shorter = shortened(result);
    return {shorter ? shorter : result};
  }

  // The range of the axis, computed without the rest; undefined: there is no way to.
  Tensor part(const Tensor& t, const Range& range) {
    const Node& node = t.node();
    if (is_constant(t)) return slice_of(t, range);
    if (is(node, Op::transpose)) {
      const auto& axes = node.attr<TransposeAttrs>().axes;
      const Tensor taken =
          part(node.inputs[0], {axes[static_cast<size_t>(range.axis)], range.begin, range.count});
      return taken ? transpose(taken, axes) : Tensor();
    }
    if (is(node, Op::reshape)) return part_of_reshape(node, range);
    if (is_constant_product(node)) return part_of_columns(node, range);
    if (is_elementwise(node)) return part_of_elementwise(node, range);
    return {};
  }
  static Tensor slice_of(const Tensor& t, const Range& range) {
    const Node& node = t.node();
    const bool blocks = is(node, Op::dequantize) && node.attr<DequantizeAttrs>().block > 0;
    if (is(node, Op::dequantize) && !(blocks && node.attr<DequantizeAttrs>().axis == range.axis)) {
      Inputs parts;  // of the integers, and of their scales where these vary along the axis
      for (const Tensor& input : node.inputs) {
        const int64_t axis = input ? range.axis - (t.rank() - input.rank()) : -1;
        const bool varies = axis >= 0 && input.shape()[static_cast<int>(axis)] != 1;
        parts.push_back(varies ? slice_of(input, {axis, range.begin, range.count}) : input);
      }
      return {with_inputs(node, std::move(parts)), 0};
    }
    return narrow(t, range.axis, range.begin, range.begin + range.count);
  }
  // An axis of the result is one of the source, or the outermost part of one.
  Tensor part_of_reshape(const Node& node, const Range& range) {
    const Tensor& source = node.inputs[0];
    const Shape& shape = node.types[0].shape;
    const auto product = [](const Shape& s, int begin, int end) {
      int64_t size = 1;
      for (int i = begin; i < end; ++i) size *= s[i];
      return size;
    };
    const int axis = static_cast<int>(range.axis);
    for (int s = 0; s < source.rank(); ++s) {
      if (product(source.shape(), 0, s) != product(shape, 0, axis) || source.shape()[s] == 1)
        continue;
      for (int end = axis + 1; end <= shape.rank(); ++end) {
        if (product(shape, axis, end) != source.shape()[s]) continue;
        const int64_t inner = product(shape, axis + 1, end);
        const Tensor taken = part(source, {s, range.begin * inner, range.count * inner});
        if (!taken) return {};
        Shape result = shape;
        result[axis] = range.count;
        return reshaped(taken, result);
      }
    }
    return {};
  }
  Tensor part_of_columns(const Node& node, const Range& range) {
    if (range.axis != node.types[0].shape.rank() - 1) return {};
    const bool turned = node.attr<MatmulAttrs>().transpose_b;
    const Tensor weights = slice_of(node.inputs[1], {turned ? 0 : 1, range.begin, range.count});
    const NodePtr made = make_node(*node.op, {node.inputs[0], weights}, node.attrs);
    products_.insert(made);
    return {made, 0};
  }
  Tensor part_of_elementwise(const Node& node, const Range& range) {
    const int rank = node.types[0].shape.rank();
    Inputs operands;
    for (const Tensor& t : node.inputs) {
      const int axis = static_cast<int>(range.axis) - (rank - t.rank());
      const bool repeats = axis < 0 || t.shape()[axis] == 1;
      operands.push_back(repeats ? t : part(t, {axis, range.begin, range.count}));
      if (!operands.back()) return {};
    }
    const NodePtr made = make_node(*node.op, std::move(operands), node.attrs);
    products_.insert(made);
    return {made, 0};
  }

  Users users_;
  const Target& target_;
  const ValueMap none_;
  std::unordered_map<NodePtr, std::vector<NodePtr>> tails_;  // by their last node
  // Nodes that this pass made: products of rows, and what follows them.
  std::unordered_set<NodePtr> products_;
};

}  // namespace

Graph move_views(const Graph& graph, const Target& target) {
  ViewMover mover(graph, target);
  return rewrite(graph, [&](const NodePtr& node, const Inputs& inputs) -> Inputs {
    Inputs made = mover(node, inputs);
    if (!made.empty()) return made;
    const bool view = is(*node, Op::reshape) || is(*node, Op::transpose);
    if (!view) return {};
    const NodePtr current = inputs[0].same_as(node->inputs[0]) ? node : with_inputs(*node, inputs);
    const Tensor shorter = shortened({current, 0});
    if (!shorter && is(*node, Op::reshape) && is(inputs[0].node(), Op::reshape)) {
      return {reshaped(inputs[0], node->types[0].shape)};
    }
    return shorter ? Inputs{shorter} : Inputs{};
  });
}

}  // namespace suan
