// Rules of the reductions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/reduce.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/split.h"

namespace suan {

extern const OpDef sum_op, max_op, min_op, prod_op;

ReduceAttrs reduce_attrs(const Tensor& x, std::vector<int64_t> axes, bool keep,
                         std::string_view op) {
  if (axes.empty()) {
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  }
  for (int64_t& axis : axes) axis = normalize_axis(axis, x.rank(), op);
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    fail(op, "an axis is given twice");
  }
  return {std::move(axes), keep};
}

Shape reduced_shape(const Shape& shape, const ReduceAttrs& attrs) {
  Shape out;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool gone = std::find(attrs.axes.begin(), attrs.axes.end(), i) != attrs.axes.end();
    if (!gone) out.push_back(shape[i]);
    if (gone && attrs.keep) out.push_back(1);
  }
  return out;
}

Tensor spread(const Tensor& g, const Shape& shape, const ReduceAttrs& attrs) {
  return broadcast_to(reshape(g, reduced_shape(shape, {attrs.axes, true})), shape);
}

namespace {

void check_axes(const InferContext& c) {
  for (int64_t axis : c.attr<ReduceAttrs>().axes) {
    if (axis < 0 || axis >= c.shape(0).rank()) {
      fail(c.name(), "axis {} is out of range for shape {}", axis, to_string(c.shape(0)));
    }
  }
}

std::vector<Type> infer_total(const InferContext& c) {
  check_axes(c);
  const DType dtype = is_float(c.dtype(0)) ? c.dtype(0) : DType::i64;
  return {Type(dtype, reduced_shape(c.shape(0), c.attr<ReduceAttrs>()))};
}

std::vector<Type> infer_extreme(const InferContext& c) {
  check_axes(c);
  for (int64_t axis : c.attr<ReduceAttrs>().axes) {
    if (c.shape(0)[static_cast<int>(axis)] == 0) {
      fail(c.name(), "axis {} of {} is empty", axis, to_string(c.shape(0)));
    }
  }
  return {Type(c.dtype(0), reduced_shape(c.shape(0), c.attr<ReduceAttrs>()))};
}
std::vector<Tensor> extreme_gradient(const GradContext& c) {
  if (!is_float(c.in(0).dtype())) return {Tensor()};
  const auto& a = c.attr<ReduceAttrs>();
  const Tensor& x = c.in(0);
  const Tensor hit = cast(equal(x, spread(c.out(), x.shape(), a)), x.dtype());
  const Tensor share = hit / spread(sum(hit, a.axes, true), x.shape(), a);
  return {spread(c.grad(), x.shape(), a) * share};
}

// The products of all elements but one, times g, without a division: products of pairs, pairs of
// pairs and so on up a tree, and down again with what lies beside each branch.
Tensor tree_gradient(const Tensor& x, const Tensor& g) {  // x [rows, n], g [rows]
  const int64_t rows = x.shape()[0], n = x.shape()[1];
  int64_t width = 1;
  while (width < n) width *= 2;
  Tensor level = concat({x, ones({rows, width - n}, x.dtype())}, 1);
  std::vector<std::pair<Tensor, Tensor>> branches;
  for (int64_t w = width; w > 1; w /= 2) {
    const auto halves = split(reshape(level, {rows * w / 2, 2}), {1, 1}, 1);
    branches.emplace_back(halves[0], halves[1]);
    level = halves[0] * halves[1];
  }
  Tensor down = reshape(g, {rows, 1});
  for (size_t i = branches.size(); i-- > 0;) {
    const auto& [a, b] = branches[i];
    down = reshape(concat({down * b, down * a}, 1), {a.shape()[0] * 2, 1});
  }
  return narrow(reshape(down, {rows, width}), 1, 0, n);
}

Tensor prod_gradient(const Tensor& x, const Tensor& g, const ReduceAttrs& attrs) {
  if (x.shape().numel() == 0) return zeros(x.shape(), x.dtype());
  std::vector<int64_t> order;  // kept axes, then reduced ones
  for (int i = 0; i < x.rank(); ++i) {
    if (std::find(attrs.axes.begin(), attrs.axes.end(), i) == attrs.axes.end()) order.push_back(i);
  }
  order.insert(order.end(), attrs.axes.begin(), attrs.axes.end());
  const Tensor moved = transpose(x, order);
  const int64_t rows = g.shape().numel();
  const Tensor dx = tree_gradient(reshape(moved, {rows, x.shape().numel() / rows}), g);
  std::vector<int64_t> inverse(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  return transpose(reshape(dx, moved.shape()), inverse);
}

double reduce_flops(const Node& n) { return static_cast<double>(n.inputs[0].shape().numel()); }

}  // namespace

const OpDef sum_op{
    .code = Op::sum,
    .name = "sum",
    .doc = "Sum over axes: y = sum_i x_i.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ReduceAttrs>,
    .infer = infer_total,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      if (!is_float(c.in(0).dtype())) return {Tensor()};
      return {spread(c.grad(), c.in(0).shape(), c.attr<ReduceAttrs>())};
    },
    .keeps_zero = true,
    .precision = Precision::full,
    .flops = reduce_flops,
};
Tensor sum(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  if (x.rank() == 0) return is_float(x.dtype()) ? x : cast(x, DType::i64);
  return make(sum_op, {x}, reduce_attrs(x, std::move(axes), keep, "sum"));
}

const OpDef max_op{
    .code = Op::max,
    .name = "max",
    .doc = "Largest element over axes; NaN wins.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ReduceAttrs>,
    .infer = infer_extreme,
    .gradient = extreme_gradient,
    .keeps_zero = true,
    .flops = reduce_flops,
};
Tensor max(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  if (x.rank() == 0) return x;
  return make(max_op, {x}, reduce_attrs(x, std::move(axes), keep, "max"));
}

const OpDef min_op{
    .code = Op::min,
    .name = "min",
    .doc = "Smallest element over axes; NaN wins.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ReduceAttrs>,
    .infer = infer_extreme,
    .gradient = extreme_gradient,
    .keeps_zero = true,
    .flops = reduce_flops,
};
Tensor min(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  if (x.rank() == 0) return x;
  return make(min_op, {x}, reduce_attrs(x, std::move(axes), keep, "min"));
}

const OpDef prod_op{
    .code = Op::prod,
    .name = "prod",
    .doc = "Product over axes: y = prod_i x_i.",
    .inputs = {"x"},
    .attrs = &kAttrsType<ReduceAttrs>,
    .infer = infer_total,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      if (!is_float(c.in(0).dtype())) return {Tensor()};
      return {prod_gradient(c.in(0), c.grad(), c.attr<ReduceAttrs>())};
    },
    .precision = Precision::full,
    .flops = reduce_flops,
};
Tensor prod(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  if (x.rank() == 0) return is_float(x.dtype()) ? x : cast(x, DType::i64);
  return make(prod_op, {x}, reduce_attrs(x, std::move(axes), keep, "prod"));
}

Tensor mean(const Tensor& x, std::vector<int64_t> axes, bool keep) {
  const Tensor f = is_float(x.dtype()) ? x : cast(x, DType::f32);
  const Tensor total = sum(f, std::move(axes), keep);
  const int64_t count = total.shape().numel() == 0 ? 1 : f.shape().numel() / total.shape().numel();
  return total * (1.0 / static_cast<double>(count));
}

}  // namespace suan
