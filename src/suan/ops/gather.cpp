// Rules of the ops with indices. gather and scatter are each other's gradients, as are
// take_along_axis and put_along_axis.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/gather.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef gather_op, scatter_op, take_along_axis_op, put_along_axis_op;

namespace {

double no_flops(const Node&) { return 0; }

int checked_axis(const InferContext& c, int64_t axis) {
  if (c.dtype(1) != DType::i64 && c.dtype(1) != DType::i32) {
    fail(c.name(), "indices are {}, expected i64 or i32", name(c.dtype(1)));
  }
  return normalize_axis(axis, c.shape(0).rank(), c.name());
}

// x's shape with the sizes of `indices` in place of `axis`.
Shape gathered(const Shape& x, const Shape& indices, int axis) {
  Shape out;
  for (int i = 0; i < axis; ++i) out.push_back(x[i]);
  for (int64_t size : indices) out.push_back(size);
  for (int i = axis + 1; i < x.rank(); ++i) out.push_back(x[i]);
  return out;
}

void check_updates(const InferContext& c, const Shape& expected) {
  if (!is_arithmetic(c.dtype(0)) && c.attr<ScatterAttrs>().combine != Combine::set) {
    fail(c.name(), "got {}, which nothing computes with: it can only be set", name(c.dtype(0)));
  }
  if (!(c.shape(2) == expected)) {
    fail(c.name(), "updates are {}, expected {}", to_string(c.shape(2)), to_string(expected));
  }
  if (c.dtype(2) != c.dtype(0)) {
    fail(c.name(), "got dtypes {} and {}, expected the same", name(c.dtype(0)), name(c.dtype(2)));
  }
}

void check_along(const InferContext& c, int axis) {
  const Shape &x = c.shape(0), &indices = c.shape(1);
  bool fits = x.rank() == indices.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || indices[i] <= x[i];
  if (!fits) {
    fail(c.name(), "indices {} do not fit into {} along axis {}", to_string(indices), to_string(x),
         axis);
  }
}

Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype()); }

// The gradient of x and updates, for scatter with gather and for put_along_axis with
// take_along_axis.
template <Tensor (*Put)(const Tensor&, const Tensor&, const Tensor&, int64_t, Combine),
          Tensor (*Take)(const Tensor&, const Tensor&, int64_t)>
std::vector<Tensor> put_gradient(const GradContext& c) {
  const auto [axis, combine] = c.attr<ScatterAttrs>();
  const Tensor &x = c.in(0), &at = c.in(1), &u = c.in(2), &g = c.grad(), y = c.out();
  if (!is_float(x.dtype())) return {{}, {}, {}};
  switch (combine) {
    case Combine::set:
      return {Put(g, at, zeros_like(u), axis, Combine::set), {}, Take(g, at, axis)};
    case Combine::add:
      return {g, {}, Take(g, at, axis)};
    case Combine::mul: {
      const Tensor none = equal(u, 0.0), some = select(none, 1.0, u);
      const Tensor rest = select(none, Take(g * x, at, axis), Take(g * y, at, axis) / some);
      return {Put(g, at, u, axis, Combine::mul), {}, rest};
    }
    case Combine::max:
    case Combine::min:
      break;
  }
  const Tensor kept = cast(equal(x, y), x.dtype());
  const Tensor won = cast(equal(u, Take(y, at, axis)), x.dtype());
  const Tensor share = g / Put(kept, at, won, axis, Combine::add);
  return {share * kept, {}, Take(share, at, axis) * won};
}

}  // namespace

const OpDef gather_op{
    .code = Op::gather,
    .name = "gather",
    .doc = "Slices chosen by index: y[a, i, b] = x[a, indices[i], b].",
    .inputs = {"x", "indices"},
    .attrs = &kAttrsType<GatherAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const int axis = checked_axis(c, c.attr<GatherAttrs>().axis);
      return {Type(c.dtype(0), gathered(c.shape(0), c.shape(1), axis))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      return {scatter(zeros_like(c.in(0)), c.in(1), c.grad(), c.attr<GatherAttrs>().axis), {}};
    },
    .flops = no_flops,
};
Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis) {
  return make(gather_op, {x, indices}, GatherAttrs{axis});
}

const OpDef scatter_op{
    .code = Op::scatter,
    .name = "scatter",
    .doc = "x with updates[a, i, b] combined into [a, indices[i], b].",
    .inputs = {"x", "indices", "updates"},
    .attrs = &kAttrsType<ScatterAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const int axis = checked_axis(c, c.attr<ScatterAttrs>().axis);
      check_updates(c, gathered(c.shape(0), c.shape(1), axis));
      return {c.type(0)};
    },
    .gradient = put_gradient<scatter, gather>,
    .flops = [](const Node& n) { return static_cast<double>(n.inputs[2].shape().numel()); },
};
Tensor scatter(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis,
               Combine combine) {
  return make(scatter_op, {x, indices, updates}, ScatterAttrs{axis, combine});
}

const OpDef take_along_axis_op{
    .code = Op::take_along_axis,
    .name = "take_along_axis",
    .doc = "Elements chosen by index along one axis: y[.., i, ..] = x[.., indices[.., i, ..], ..].",
    .inputs = {"x", "indices"},
    .attrs = &kAttrsType<GatherAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_along(c, checked_axis(c, c.attr<GatherAttrs>().axis));
      return {Type(c.dtype(0), c.shape(1))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      return {put_along_axis(zeros_like(c.in(0)), c.in(1), c.grad(), c.attr<GatherAttrs>().axis),
              {}};
    },
    .flops = no_flops,
};
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int64_t axis) {
  return make(take_along_axis_op, {x, indices}, GatherAttrs{axis});
}

const OpDef put_along_axis_op{
    .code = Op::put_along_axis,
    .name = "put_along_axis",
    .doc = "x with updates[.., i, ..] combined into [.., indices[.., i, ..], ..].",
    .inputs = {"x", "indices", "updates"},
    .attrs = &kAttrsType<ScatterAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_along(c, checked_axis(c, c.attr<ScatterAttrs>().axis));
      check_updates(c, c.shape(1));
      return {c.type(0)};
    },
    .gradient = put_gradient<put_along_axis, take_along_axis>,
    .flops = [](const Node& n) { return static_cast<double>(n.inputs[2].shape().numel()); },
};
Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis,
                      Combine combine) {
  return make(put_along_axis_op, {x, indices, updates}, ScatterAttrs{axis, combine});
}

}  // namespace suan
