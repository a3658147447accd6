// Rules of layer and RMS normalization; group and instance normalization are made of them. The
// gradients take the mean and the reciprocal deviation that the forward ops give beside y.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/layer_norm.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef layer_norm_op, layer_norm_gradient_op, rms_norm_op, rms_norm_gradient_op;

namespace {

// x's axes in two parts: rows (one result of the statistics each), and the last axes, normalized.
struct Parts {
  Shape rows, normalized, keep;  // keep: the rows with the normalized axes at size 1
  std::vector<int64_t> row_axes, axes;
  double count = 1;  // elements in a row
};
Parts parts(const Shape& x, const LayerNormAttrs& attrs) {
  Parts p;
  const int first = x.rank() - static_cast<int>(attrs.axes);
  for (int i = 0; i < x.rank(); ++i) {
    (i < first ? p.rows : p.normalized).push_back(x[i]);
    (i < first ? p.row_axes : p.axes).push_back(i);
    p.keep.push_back(i < first ? x[i] : 1);
  }
  p.count = static_cast<double>(p.normalized.numel());
  return p;
}
Parts parts(const NodePtr& n) { return parts(n->inputs[0].shape(), n->attr<LayerNormAttrs>()); }

Parts check_input(const InferContext& c) {
  const auto& a = c.attr<LayerNormAttrs>();
  const Shape& x = c.shape(0);
  if (!is_float(c.dtype(0))) fail(c.name(), "x is {}, expected a float", name(c.dtype(0)));
  if (a.axes < 1 || a.axes > x.rank()) {
    fail(c.name(), "axes is {}, expected 1 to {} for shape {}", a.axes, x.rank(), to_string(x));
  }
  if (x.numel() == 0) fail(c.name(), "x is {}, expected elements", to_string(x));
  if (!(a.epsilon > 0)) fail(c.name(), "epsilon is {}, expected more than 0", a.epsilon);
  return parts(x, a);
}
void check_type(const InferContext& c, int input, std::string_view what, const Type& expected) {
  if (!c.has(input) || c.type(input) == expected) return;
  fail(c.name(), "{} is {}, expected {}", what, to_string(c.type(input)), to_string(expected));
}

Type result_type(const InferContext& c) {
  Type y = c.type(0);
  const NormResult result = c.attr<LayerNormAttrs>().result;
  if (size_of(y.dtype) == 2 || result == NormResult::as_x) return y;
  y.dtype = result == NormResult::bf16 ? DType::bf16 : DType::f16;
  return y;
}
// Of x's dtype, or of 16 bits where x has more.
void check_gradient(const InferContext& c) {
  Type expected = c.type(0);
  const bool narrow = c.dtype(1) == DType::bf16 || c.dtype(1) == DType::f16;
  if (narrow && size_of(expected.dtype) > 2) expected.dtype = c.dtype(1);
  check_type(c, 1, "g", expected);
}

Tensor widen(const Tensor& x) { return cast(x, wide(x.dtype())); }
Tensor sum_rows(const Tensor& x, const Parts& p) {
  return p.row_axes.empty() ? x : sum(x, p.row_axes);
}
Tensor in_wide(const Tensor& t, const Tensor& x) { return t ? cast(t, wide(x.dtype())) : t; }
double norm_flops(const Node& n) { return 7.0 * static_cast<double>(n.types[0].shape.numel()); }
double gradient_flops(const Node& n) {
  return 12.0 * static_cast<double>(n.types[0].shape.numel());
}
LayerNormAttrs of_gradient(LayerNormAttrs attrs) {
  attrs.result = NormResult::as_x;  // gx has x's dtype
  return attrs;
}
Tensor plus(const Tensor& a, const Tensor& b) { return a ? a + b : b; }

std::vector<Tensor> layer_norm_rule(const GradContext& c) {
  const Tensor& x = c.in(0);
  const Parts p = parts(c.node);
  std::vector<Tensor> out(c.node->inputs.size());
  if (c.grads[0]) {
    const NodePtr n = make_node(layer_norm_gradient_op,
                                {x, c.grads[0], c.out(1), c.out(2), c.has(1) ? c.in(1) : Tensor()},
                                of_gradient(c.attr<LayerNormAttrs>()));
    for (size_t i = 0; i < out.size(); ++i) out[i] = {n, static_cast<int>(i)};
  }
  // d mean / d x = 1 / count; d rstd / d x = -rstd^3 (x - mean) / count.
  Tensor more;
  if (c.grads[1]) more = broadcast_to(reshape(c.grads[1], p.keep), x.shape());
  if (c.grads[2]) {
    const Tensor cube = c.grads[2] * c.out(2) * square(c.out(2));
    more = plus(more, -(reshape(cube, p.keep) * (widen(x) - reshape(c.out(1), p.keep))));
  }
  if (more) out[0] = plus(out[0], cast(more * (1.0 / p.count), x.dtype()));
  return out;
}

std::vector<Tensor> decompose_layer_norm(const NodePtr& n) {
  const Parts p = parts(n);
  const Tensor x = widen(n->inputs[0]);
  const Tensor centre = mean(x, p.axes);
  const Tensor apart = x - reshape(centre, p.keep);
  const Tensor rstd = rsqrt(mean(square(apart), p.axes) + n->attr<LayerNormAttrs>().epsilon);
  Tensor y = apart * reshape(rstd, p.keep);
  if (n->inputs.size() > 1 && n->inputs[1]) y = y * n->inputs[1];
  if (n->inputs.size() > 2 && n->inputs[2]) y = y + n->inputs[2];
  return {cast(y, n->types[0].dtype), centre, rstd};
}

std::vector<Tensor> decompose_layer_norm_gradient(const NodePtr& n) {
  const Parts p = parts(n);
  const Tensor x = widen(n->inputs[0]), g = widen(n->inputs[1]);
  const Tensor rstd = reshape(n->inputs[3], p.keep);
  const Tensor normal = (x - reshape(n->inputs[2], p.keep)) * rstd;
  const bool scaled = n->inputs.size() > 4 && n->inputs[4];
  const Tensor gs = scaled ? g * n->inputs[4] : g;
  const Tensor gx = rstd * (gs - mean(gs, p.axes, true) - normal * mean(gs * normal, p.axes, true));
  return {cast(gx, n->inputs[0].dtype()), sum_rows(g * normal, p), sum_rows(g, p)};
}

std::vector<Tensor> rms_norm_rule(const GradContext& c) {
  const Tensor& x = c.in(0);
  const Parts p = parts(c.node);
  std::vector<Tensor> out(c.node->inputs.size());
  if (c.grads[0]) {
    const NodePtr n =
        make_node(rms_norm_gradient_op, {x, c.grads[0], c.out(1), c.has(1) ? c.in(1) : Tensor()},
                  of_gradient(c.attr<LayerNormAttrs>()));
    for (size_t i = 0; i < out.size(); ++i) out[i] = {n, static_cast<int>(i)};
  }
  if (c.grads[1]) {  // d rstd / d x = -rstd^3 x / count
    const Tensor cube = c.grads[1] * c.out(1) * square(c.out(1)) * (-1.0 / p.count);
    out[0] = plus(out[0], cast(reshape(cube, p.keep) * widen(x), x.dtype()));
  }
  return out;
}

std::vector<Tensor> decompose_rms_norm(const NodePtr& n) {
  const Parts p = parts(n);
  const Tensor x = widen(n->inputs[0]);
  const Tensor rstd = rsqrt(mean(square(x), p.axes) + n->attr<LayerNormAttrs>().epsilon);
  Tensor y = x * reshape(rstd, p.keep);
  if (n->inputs.size() > 1 && n->inputs[1]) y = y * n->inputs[1];
  return {cast(y, n->types[0].dtype), rstd};
}

std::vector<Tensor> decompose_rms_norm_gradient(const NodePtr& n) {
  const Parts p = parts(n);
  const Tensor g = widen(n->inputs[1]);
  const Tensor rstd = reshape(n->inputs[2], p.keep);
  const Tensor normal = widen(n->inputs[0]) * rstd;
  const bool scaled = n->inputs.size() > 3 && n->inputs[3];
  const Tensor gs = scaled ? g * n->inputs[3] : g;
  const Tensor gx = rstd * (gs - normal * mean(gs * normal, p.axes, true));
  return {cast(gx, n->inputs[0].dtype()), sum_rows(g * normal, p)};
}

}  // namespace

const OpDef layer_norm_op{
    .code = Op::layer_norm,
    .name = "layer_norm",
    .doc =
        "Layer normalization over the last axes: y = (x - mean) rstd scale + shift, rstd = 1 / "
        "sqrt(variance + epsilon); gives y, mean, rstd.",
    .inputs = {"x", "scale?", "shift?"},
    .attrs = &kAttrsType<LayerNormAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Parts p = check_input(c);
      const DType dtype = wide(c.dtype(0));
      check_type(c, 1, "scale", {dtype, p.normalized});
      check_type(c, 2, "shift", {dtype, p.normalized});
      return {result_type(c), {dtype, p.rows}, {dtype, p.rows}};
    },
    .gradient = layer_norm_rule,
    .decompose = decompose_layer_norm,
    .precision = Precision::full,
    .flops = norm_flops,
};
bool is_norm(const Node& node) { return is(node, Op::layer_norm) || is(node, Op::rms_norm); }
int64_t norm_row_length(const Node& node) {
  const Shape& x = node.inputs[0].shape();
  return x.numel(x.rank() - static_cast<int>(node.attr<LayerNormAttrs>().axes), x.rank());
}
DType norm_result_dtype(const Node& node) {
  return is_norm(node) ? node.types[0].dtype : node.inputs[1].dtype();
}

Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, LayerNormAttrs attrs) {
  return {make_node(layer_norm_op, {x, in_wide(scale, x), in_wide(shift, x)}, attrs), 0};
}

const OpDef layer_norm_gradient_op{
    .code = Op::layer_norm_gradient,
    .name = "layer_norm_gradient",
    .doc =
        "The gradients of layer_norm in x, scale and shift for the gradient g of y: with z = (x - "
        "mean) rstd and h = g scale, gx = rstd (h - mean(h) - z mean(h z)), gscale = sum(g z), "
        "gshift = sum(g).",
    .inputs = {"x", "g", "mean", "rstd", "scale?"},
    .attrs = &kAttrsType<LayerNormAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Parts p = check_input(c);
      const DType dtype = wide(c.dtype(0));
      check_gradient(c);
      check_type(c, 2, "mean", {dtype, p.rows});
      check_type(c, 3, "rstd", {dtype, p.rows});
      check_type(c, 4, "scale", {dtype, p.normalized});
      return {c.type(0), {dtype, p.normalized}, {dtype, p.normalized}};
    },
    .decompose = decompose_layer_norm_gradient,
    .precision = Precision::full,
    .flops = gradient_flops,
};

const OpDef rms_norm_op{
    .code = Op::rms_norm,
    .name = "rms_norm",
    .doc =
        "RMS normalization over the last axes: y = x rstd scale, rstd = 1 / sqrt(mean(x^2) + "
        "epsilon); gives y, rstd.",
    .inputs = {"x", "scale?"},
    .attrs = &kAttrsType<LayerNormAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Parts p = check_input(c);
      const DType dtype = wide(c.dtype(0));
      check_type(c, 1, "scale", {dtype, p.normalized});
      return {result_type(c), {dtype, p.rows}};
    },
    .gradient = rms_norm_rule,
    .decompose = decompose_rms_norm,
    .precision = Precision::full,
    .flops = norm_flops,
};
Tensor rms_norm(const Tensor& x, const Tensor& scale, LayerNormAttrs attrs) {
  return {make_node(rms_norm_op, {x, in_wide(scale, x)}, attrs), 0};
}

const OpDef rms_norm_gradient_op{
    .code = Op::rms_norm_gradient,
    .name = "rms_norm_gradient",
    .doc =
        "The gradients of rms_norm in x and scale for the gradient g of y: with z = x rstd and h = "
        "g scale, gx = rstd (h - z mean(h z)), gscale = sum(g z).",
    .inputs = {"x", "g", "rstd", "scale?"},
    .attrs = &kAttrsType<LayerNormAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Parts p = check_input(c);
      const DType dtype = wide(c.dtype(0));
      check_gradient(c);
      check_type(c, 2, "rstd", {dtype, p.rows});
      check_type(c, 3, "scale", {dtype, p.normalized});
      return {c.type(0), {dtype, p.normalized}};
    },
    .decompose = decompose_rms_norm_gradient,
    .precision = Precision::full,
    .flops = gradient_flops,
};

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& scale, const Tensor& shift,
                  double epsilon) {
  if (x.rank() < 2) fail("group_norm", "x is {}, expected [n, c, ...]", to_string(x.shape()));
  const int64_t n = x.shape()[0], c = x.shape()[1];
  if (groups < 1 || c % groups != 0) {
    fail("group_norm", "{} channels do not divide into {} groups", c, groups);
  }
  const Tensor rows = reshape(x, {n, groups, x.shape().numel() / std::max<int64_t>(1, n * groups)});
  Tensor y = reshape(layer_norm(rows, {}, {}, {.axes = 1, .epsilon = epsilon}), x.shape());
  Shape broadcast = Shape::filled(x.rank(), 1);
  broadcast[1] = c;
  for (const Tensor* t : {&scale, &shift}) {
    if (!*t) continue;
    if (!(t->shape() == Shape{c})) {
      fail("group_norm", "scale or shift is {}, expected [{}]", to_string(t->shape()), c);
    }
    const Tensor operand = reshape(cast(*t, x.dtype()), broadcast);
    y = t == &scale ? y * operand : y + operand;
  }
  return y;
}
Tensor instance_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, double epsilon) {
  if (x.rank() < 2) fail("instance_norm", "x is {}, expected [n, c, ...]", to_string(x.shape()));
  return group_norm(x, x.shape()[1], scale, shift, epsilon);
}

}  // namespace suan
