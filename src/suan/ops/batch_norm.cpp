// Rules of batch normalization. The gradient takes mean and variance as operands, as oneDNN's and
// cuDNN's kernels do, so nothing of the size of x is kept but x.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/batch_norm.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef batch_norm_op, batch_norm_gradient_op;

namespace {

std::vector<int64_t> all_but_channels(const Tensor& x) {
  std::vector<int64_t> axes{0};
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  return axes;
}
// A per-channel vector in a shape that broadcasts against x.
Tensor channels(const Tensor& v, const Tensor& x) {
  Shape shape = Shape::filled(x.rank(), 1);
  shape[1] = v.shape()[0];
  return reshape(v, shape);
}
double per_channel(const Tensor& x) {
  return static_cast<double>(x.shape().numel()) / static_cast<double>(x.shape()[1]);
}

void check_input(const InferContext& c) {
  const Shape& x = c.shape(0);
  if (!is_float(c.dtype(0))) fail(c.name(), "x is {}, expected a float", name(c.dtype(0)));
  if (x.rank() < 2 || x.numel() == 0) {
    fail(c.name(), "x is {}, expected [n, c, ...] with elements", to_string(x));
  }
  const double epsilon = c.attr<BatchNormAttrs>().epsilon;
  if (!(epsilon > 0)) fail(c.name(), "epsilon is {}, expected more than 0", epsilon);
}
Type channel_type(const InferContext& c) { return {wide(c.dtype(0)), Shape{c.shape(0)[1]}}; }
void check_channels(const InferContext& c, int input, std::string_view what) {
  const Type expected = channel_type(c);
  if (c.type(input) == expected) return;
  fail(c.name(), "{} is {}, expected {}", what, to_string(c.type(input)), to_string(expected));
}

// `apart`: x - mean in f32.
Tensor normalize(const NodePtr& n, const Tensor& apart, const Tensor& variance) {
  const Tensor factor = n->inputs[1] * rsqrt(variance + n->attr<BatchNormAttrs>().epsilon);
  const Tensor y = apart * channels(factor, apart) + channels(n->inputs[2], apart);
  return cast(y, n->inputs[0].dtype());
}

std::vector<Tensor> decompose_forward(const NodePtr& n) {
  const Tensor x = cast(n->inputs[0], wide(n->inputs[0].dtype()));
  const auto axes = all_but_channels(x);
  const Tensor centre = mean(x, axes);
  const Tensor apart = x - channels(centre, x);
  const Tensor variance = mean(square(apart), axes);
  return {normalize(n, apart, variance), centre, variance};
}

std::vector<Tensor> forward_gradient(const GradContext& c) {
  const Tensor &x = c.in(0), &scale = c.in(1);
  std::vector<Tensor> out(3);
  if (c.grads[0]) {
    const NodePtr n = make_node(batch_norm_gradient_op, {x, c.grads[0], scale, c.out(1), c.out(2)},
                                c.attr<BatchNormAttrs>());
    out = {{n, 0}, {n, 1}, {n, 2}};
  }
  // d mean / d x = 1 / count; d variance / d x = 2 (x - mean) / count.
  Tensor more;
  if (c.grads[1]) more = broadcast_to(channels(c.grads[1], x), x.shape());
  if (c.grads[2]) {
    const Tensor apart = cast(x, wide(x.dtype())) - channels(c.out(1), x);
    const Tensor part = channels(c.grads[2] * 2.0, x) * apart;
    more = more ? more + part : part;
  }
  if (more) {
    more = cast(more * (1.0 / per_channel(x)), x.dtype());
    out[0] = out[0] ? out[0] + more : more;
  }
  return out;
}

std::vector<Tensor> decompose_gradient(const NodePtr& n) {
  const DType dtype = n->inputs[0].dtype();
  const Tensor x = cast(n->inputs[0], wide(dtype)), g = cast(n->inputs[1], wide(dtype));
  const Tensor &scale = n->inputs[2], &centre = n->inputs[3], &variance = n->inputs[4];
  const auto axes = all_but_channels(x);
  const Tensor inverse = rsqrt(variance + n->attr<BatchNormAttrs>().epsilon);
  const Tensor normal = (x - channels(centre, x)) * channels(inverse, x);
  const Tensor shift_gradient = sum(g, axes), scale_gradient = sum(g * normal, axes);
  const double share = 1.0 / per_channel(x);
  const Tensor gx = channels(scale * inverse, x) * (g - channels(shift_gradient * share, x) -
                                                    normal * channels(scale_gradient * share, x));
  return {cast(gx, dtype), scale_gradient, shift_gradient};
}

}  // namespace

const OpDef batch_norm_op{
    .code = Op::batch_norm,
    .name = "batch_norm",
    .doc =
        "Batch normalization: y = (x - mean) / sqrt(variance + epsilon) scale + shift, with mean "
        "and (biased) variance of each channel of x; gives y, mean, variance.",
    .inputs = {"x", "scale", "shift"},
    .attrs = &kAttrsType<BatchNormAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_input(c);
      check_channels(c, 1, "scale");
      check_channels(c, 2, "shift");
      return {c.type(0), channel_type(c), channel_type(c)};
    },
    .gradient = forward_gradient,
    .decompose = decompose_forward,
    .precision = Precision::full,
    .flops = [](const Node& n) { return 7.0 * static_cast<double>(n.types[0].shape.numel()); },
};
std::vector<Tensor> split_batch_norm(const NodePtr& n) {
  const Tensor x = cast(n->inputs[0], wide(n->inputs[0].dtype()));
  const Tensor centre(n, 1), variance(n, 2);
  return {normalize(n, x - channels(centre, x), variance), centre, variance};
}
BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift,
                     BatchNormAttrs attrs) {
  const DType dtype = wide(x.dtype());
  const NodePtr n = make_node(batch_norm_op, {x, cast(scale, dtype), cast(shift, dtype)}, attrs);
  return {{n, 0}, {n, 1}, {n, 2}};
}

const OpDef batch_norm_gradient_op{
    .code = Op::batch_norm_gradient,
    .name = "batch_norm_gradient",
    .doc =
        "The gradients of batch_norm in x, scale and shift for the gradient g of y: with r = 1 / "
        "sqrt(variance + epsilon), z = (x - mean) r, gscale = sum(g z), gshift = sum(g), gx = "
        "scale r (g - (gshift + z gscale) / count).",
    .inputs = {"x", "g", "scale", "mean", "variance"},
    .attrs = &kAttrsType<BatchNormAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_input(c);
      if (!(c.type(1) == c.type(0))) {
        fail(c.name(), "g is {}, expected {}", to_string(c.type(1)), to_string(c.type(0)));
      }
      check_channels(c, 2, "scale");
      check_channels(c, 3, "mean");
      check_channels(c, 4, "variance");
      return {c.type(0), channel_type(c), channel_type(c)};
    },
    .decompose = decompose_gradient,
    .precision = Precision::full,
    .flops = [](const Node& n) { return 11.0 * static_cast<double>(n.types[0].shape.numel()); },
};

Tensor batch_norm_inference(const Tensor& x, const Tensor& scale, const Tensor& shift,
                            const Tensor& mean, const Tensor& variance, BatchNormAttrs attrs) {
  if (!is_float(x.dtype()) || x.rank() < 2) {
    fail("batch_norm_inference", "x is {}, expected a float [n, c, ...]", to_string(x.type()));
  }
  for (const Tensor* t : {&scale, &shift, &mean, &variance}) {
    if (t->shape() == Shape{x.shape()[1]}) continue;
    fail("batch_norm_inference", "scale, shift, mean or variance is {}, expected [{}]",
         to_string(t->shape()), x.shape()[1]);
  }
  const DType dtype = wide(x.dtype());
  const Tensor factor = cast(scale, dtype) * rsqrt(cast(variance, dtype) + attrs.epsilon);
  const Tensor offset = cast(shift, dtype) - cast(mean, dtype) * factor;
  return cast(cast(x, dtype) * channels(factor, x) + channels(offset, x), x.dtype());
}

}  // namespace suan
