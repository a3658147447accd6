// Rules of the ops that only move elements.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/shape_ops.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef reshape_op, transpose_op, broadcast_to_op, reorder_op, stop_gradient_op;

namespace {
double no_flops(const Node&) { return 0; }
}  // namespace

const OpDef reshape_op{
    .code = Op::reshape,
    .name = "reshape",
    .doc = "The same elements in row-major order under another shape.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ShapeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Shape& to = c.attr<ShapeAttrs>().shape;
      if (to.numel() != c.shape(0).numel()) {
        fail(c.name(), "{} has {} elements, {} has {}", to_string(c.shape(0)), c.shape(0).numel(),
             to_string(to), to.numel());
      }
      return {Type(c.dtype(0), to)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      return {reshape(c.grad(), c.in(0).shape())};
    },
    .keeps_zero = true,
    .flops = no_flops,
};
Tensor reshape(const Tensor& x, const Shape& shape) {
  Shape to = shape;
  const auto unknown = std::find(to.begin(), to.end(), -1);
  if (unknown != to.end()) {
    *unknown = 1;
    const int64_t rest = to.numel();
    if (std::count(to.begin(), to.end(), -1) > 0 || rest == 0 || x.shape().numel() % rest != 0) {
      fail("reshape", "cannot work out -1 in {} elements to [{}]", x.shape().numel(),
           fmt::join(shape, ", "));
    }
    *unknown = x.shape().numel() / rest;
  }
  if (to == x.shape()) return x;
  if (is(x.node(), Op::reshape)) return reshape(x.node().inputs[0], to);
  return make(reshape_op, {x}, ShapeAttrs{to});
}
Tensor flatten(const Tensor& x, int first) {
  Shape to;
  for (int i = 0; i < first; ++i) to.push_back(x.shape()[i]);
  int64_t rest = 1;
  for (int i = first; i < x.rank(); ++i) rest *= x.shape()[i];
  to.push_back(rest);
  return reshape(x, to);
}

const OpDef transpose_op{
    .code = Op::transpose,
    .name = "transpose",
    .doc = "Permuted axes: axis i of y is axis axes[i] of x.",
    .inputs = {"x"},
    .attrs = &kAttrsType<TransposeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& axes = c.attr<TransposeAttrs>().axes;
      std::vector<int64_t> sorted = axes;
      std::sort(sorted.begin(), sorted.end());
      bool permutes = static_cast<int>(axes.size()) == c.shape(0).rank();
      for (size_t i = 0; i < sorted.size(); ++i) permutes &= sorted[i] == static_cast<int64_t>(i);
      if (!permutes) {
        fail(c.name(), "axes [{}] do not permute shape {}", fmt::join(axes, ", "),
             to_string(c.shape(0)));
      }
      Shape out;
      for (int64_t axis : axes) out.push_back(c.shape(0)[static_cast<int>(axis)]);
      return {Type(c.dtype(0), out)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& axes = c.attr<TransposeAttrs>().axes;
      std::vector<int64_t> inverse(axes.size());
      for (size_t i = 0; i < axes.size(); ++i) {
        inverse[static_cast<size_t>(axes[i])] = static_cast<int64_t>(i);
      }
      return {transpose(c.grad(), inverse)};
    },
    .keeps_zero = true,
    .flops = no_flops,
};
Tensor transpose(const Tensor& x, std::vector<int64_t> axes) {
  if (axes.empty()) {
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
    if (x.rank() >= 2) std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  }
  for (int64_t& axis : axes) axis = normalize_axis(axis, x.rank(), "transpose");
  if (std::is_sorted(axes.begin(), axes.end()) && static_cast<int>(axes.size()) == x.rank() &&
      std::adjacent_find(axes.begin(), axes.end()) == axes.end()) {
    return x;
  }
  return make(transpose_op, {x}, TransposeAttrs{std::move(axes)});
}

const OpDef broadcast_to_op{
    .code = Op::broadcast_to,
    .name = "broadcast_to",
    .doc = "Elements repeated along new axes and axes of size 1.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ShapeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Shape& to = c.attr<ShapeAttrs>().shape;
      if (!broadcasts_to(c.shape(0), to)) {
        fail(c.name(), "{} does not broadcast to {}", to_string(c.shape(0)), to_string(to));
      }
      return {Type(c.dtype(0), to)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      return {reduce_to(c.grad(), c.in(0).shape())};
    },
    .keeps_zero = true,
    .flops = no_flops,
};
Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return make(broadcast_to_op, {x}, ShapeAttrs{shape});
}

const OpDef reorder_op{
    .code = Op::reorder,
    .name = "reorder",
    .doc = "The same value in another storage layout.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ReorderAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> { return {c.type(0)}; },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> { return {c.grad()}; },
    .keeps_zero = true,
    .flops = no_flops,
};
Tensor reorder(const Tensor& x, Layout layout) {
  if (layout_of(x) == layout) return x;
  const Tensor y = make(reorder_op, {x}, ReorderAttrs{static_cast<int>(layout)});
  std::const_pointer_cast<Node>(y.node_ptr())->layouts = {layout};
  return y;
}

bool is_view(const Node& node) {
  if (node.op->forwards) return true;
  if (is(node, Op::reorder)) {  // without space all layouts are the same memory
    const Shape& shape = node.types[0].shape;
    return shape.rank() >= 2 && shape.numel() == shape[0] * shape[1];
  }
  return is(node, Op::reshape) && layout_of(node.inputs[0]) == Layout::plain;
}

const OpDef stop_gradient_op{
    .code = Op::stop_gradient,
    .name = "stop_gradient",
    .doc = "x itself; no gradient passes.",
    .inputs = {"x"},
    .infer = [](const InferContext& c) -> std::vector<Type> { return {c.type(0)}; },
    .gradient = [](const GradContext&) -> std::vector<Tensor> { return {Tensor()}; },
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> { return {n->inputs[0]}; },
    .keeps_zero = true,
    .flops = no_flops,
};
Tensor stop_gradient(const Tensor& x) { return make(stop_gradient_op, {x}); }

}  // namespace suan
