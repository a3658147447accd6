// Softmax, normalizations and dropout.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/batch_norm.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/random.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"
#include "suan/ops/statistics.h"

namespace suan::onnx {
namespace {

Tensor widen(const Tensor& x) { return cast(x, wide(x.dtype())); }

void check_float(const NodeView& n, const Tensor& x) {
  if (!is_float(x.dtype())) n.fail("got {}, expected a float", to_string(x.type()));
}

// Before opset 13 all axes from `axis` on counted as one.
template <Tensor (*F)(const Tensor&, int64_t)>
Outputs over_axis(const NodeView& n) {
  const Tensor& x = n.in(0);
  check_float(n, x);
  const bool flat = n.opset < 13;
  const int axis = axis_of(n, n.i("axis", flat ? 1 : -1), flat ? std::max(x.rank(), 1) : x.rank());
  if (x.shape().numel() == 0) return {x};
  if (!flat || axis == x.rank() - 1) return {F(x, axis)};
  const Shape& s = x.shape();
  return {reshape(F(reshape(x, {s.numel(0, axis), s.numel(axis, s.rank())}), 1), s)};
}

// The tensors that batch normalization takes, with x as [n, c, ...].
struct Batch {
  Tensor x, scale, shift, mean, variance;
};
Batch batch_of(const NodeView& n) {
  Batch b{n.in(0), n.in(1), n.in(2), n.in(3), n.in(4)};
  check_float(n, b.x);
  if (b.x.rank() == 0) n.fail("got a number, expected [n, c, ...]");
  int64_t c = b.x.rank() > 1 ? b.x.shape()[1] : 1;
  if (b.x.rank() == 1) b.x = reshape(b.x, {b.x.shape()[0], 1});
  if (n.opset < 9 && !n.i("spatial", 1)) {  // one statistic for each element of a sample
    c = b.x.shape().numel(1, b.x.rank());
    b.x = reshape(b.x, {b.x.shape()[0], c});
  }
  for (Tensor* t : {&b.scale, &b.shift, &b.mean, &b.variance}) {
    if (t->shape().numel() != c) {
      n.fail("a parameter is {}, expected [{}]", to_string(t->shape()), c);
    }
    *t = reshape(*t, {c});
  }
  return b;
}

bool trains(const NodeView& n) {
  if (n.opset >= 14) return n.i("training_mode", 0) != 0;
  return n.opset >= 7 ? n.output_count() > 1 : n.i("is_test", 0) == 0;
}

Outputs batch_normalization(const NodeView& n) {
  const Batch b = batch_of(n);
  const Shape shape = n.in(0).shape();
  const double epsilon = n.f("epsilon", 1e-5), momentum = n.f("momentum", 0.9);
  if (!trains(n)) {
    const Tensor y = batch_norm_inference(b.x, b.scale, b.shift, b.mean, b.variance, {epsilon});
    return {reshape(y, shape)};
  }
  const BatchNorm result = batch_norm(b.x, b.scale, b.shift, {epsilon});
  const auto running = [&](const Tensor& old, const Tensor& fresh) {
    return cast(widen(old) * momentum + cast(fresh, wide(old.dtype())) * (1 - momentum),
                old.dtype());
  };
  Outputs outputs{reshape(result.y, shape), running(b.mean, result.mean),
                  running(b.variance, result.variance)};
  if (n.opset < 14) {
    outputs.emplace_back(cast(result.mean, b.mean.dtype()));
    outputs.emplace_back(cast(result.variance, b.variance.dtype()));
  }
  return outputs;
}

// x with mean 0 and variance 1 over its last `axes` axes, and how it was brought there.
struct Standardized {
  Tensor y, mean, inverse;
};
// The op wants a positive epsilon; models may say 0.
Standardized standardized(const Tensor& x, int axes, double epsilon, const Tensor& scale = {},
                          const Tensor& shift = {}) {
  std::vector<int64_t> last;
  for (int i = x.rank() - axes; i < x.rank(); ++i) last.push_back(i);
  if (epsilon > 0 && x.shape().numel() > 0) {
    const Tensor y = layer_norm(x, scale, shift, {axes, epsilon});
    return {y, {y.node_ptr(), 1}, {y.node_ptr(), 2}};
  }
  const Tensor centre = mean(widen(x), last, true), apart = widen(x) - centre;
  const Tensor inverse = rsqrt(mean(square(apart), last, true) + epsilon);
  Tensor y = apart * inverse;
  if (scale) y = y * scale;
  if (shift) y = y + shift;
  return {cast(y, x.dtype()), centre, inverse};
}

void check_broadcast(const NodeView& n, const Tensor& t, const Shape& shape) {
  if (t && !broadcasts_to(t.shape(), shape)) {
    n.fail("scale or shift is {}, expected it to broadcast to {}", to_string(t.shape()),
           to_string(shape));
  }
}

// The axes from `axis` on, and whether a parameter has exactly their shape.
struct LastAxes {
  int count;
  Shape normalized, kept;
};
LastAxes last_axes(const NodeView& n, const Shape& x) {
  LastAxes a;
  const int first = axis_of(n, n.i("axis", -1), x.rank());
  a.count = x.rank() - first;
  for (int i = 0; i < x.rank(); ++i) {
    a.kept.push_back(i < first ? x[i] : 1);
    if (i >= first) a.normalized.push_back(x[i]);
  }
  return a;
}

DType stash_type(const NodeView& n) {
  const DType dtype = dtype_of_onnx(n.i("stash_type", 1), "stash_type");
  if (!is_float(dtype)) n.fail("stash_type is {}, expected a float", name(dtype));
  return dtype;
}

Outputs layer_normalization(const NodeView& n) {
  const Tensor &x = n.in(0), &scale = n.in(1), shift = n.optional(2);
  check_float(n, x);
  const LastAxes a = last_axes(n, x.shape());
  const double epsilon = n.f("epsilon", 1e-5);
  check_broadcast(n, scale, x.shape());
  check_broadcast(n, shift, x.shape());
  const bool fits = scale.shape() == a.normalized && (!shift || shift.shape() == a.normalized);
  const Standardized s =
      fits ? standardized(x, a.count, epsilon, scale, shift) : standardized(x, a.count, epsilon);
  Tensor y = s.y;
  if (!fits) {
    y = y * cast(scale, x.dtype());
    if (shift) y = y + cast(shift, x.dtype());
  }
  const DType stash = stash_type(n);
  return {y, cast(reshape(s.mean, a.kept), stash), cast(reshape(s.inverse, a.kept), stash)};
}

Outputs rms_normalization(const NodeView& n) {
  const Tensor &x = n.in(0), &scale = n.in(1);
  check_float(n, x);
  check_float(n, scale);
  const LastAxes a = last_axes(n, x.shape());
  const double epsilon = n.f("epsilon", 1e-5);
  stash_type(n);
  check_broadcast(n, scale, x.shape());
  if (epsilon <= 0 || x.shape().numel() == 0) {
    std::vector<int64_t> last;
    for (int i = x.rank() - a.count; i < x.rank(); ++i) last.push_back(i);
    const Tensor y = widen(x) * rsqrt(mean(square(widen(x)), last, true) + epsilon);
    return {cast(y, scale.dtype()) * scale};
  }
  if (scale.shape() == a.normalized && scale.dtype() == x.dtype()) {
    return {rms_norm(x, scale, {a.count, epsilon})};
  }
  return {cast(rms_norm(x, {}, {a.count, epsilon}), scale.dtype()) * scale};
}

// Each sample's channels in equal groups, each group over its channels and all space.
Tensor grouped(const NodeView& n, int64_t groups, const Tensor& scale, const Tensor& shift) {
  const Tensor& x = n.in(0);
  const int64_t c = x.shape()[1], samples = x.shape()[0];
  const int64_t elements = x.shape().numel() / std::max<int64_t>(1, samples * groups);
  const Tensor rows = reshape(x, {samples, groups, elements});
  Shape channels = Shape::filled(x.rank(), 1);
  channels[1] = c;
  const Tensor y = reshape(standardized(rows, 1, n.f("epsilon", 1e-5)).y, x.shape());
  return y * reshape(cast(scale, x.dtype()), channels) + reshape(cast(shift, x.dtype()), channels);
}

void check_channels(const NodeView& n, int64_t count) {
  for (int i : {1, 2}) {
    if (!(n.in(i).shape() == Shape{count})) {
      n.fail("input {} is {}, expected [{}]", i, to_string(n.in(i).shape()), count);
    }
  }
}
void check_image(const NodeView& n) {
  const Tensor& x = n.in(0);
  check_float(n, x);
  if (x.rank() < 2) n.fail("got {}, expected [n, c, ...]", to_string(x.shape()));
}

Outputs instance_normalization(const NodeView& n) {
  check_image(n);
  const int64_t c = n.in(0).shape()[1];
  check_channels(n, c);
  return {grouped(n, c, n.in(1), n.in(2))};
}

// Opset 18 has one scale and shift for each group.
Outputs group_normalization(const NodeView& n) {
  check_image(n);
  const int64_t c = n.in(0).shape()[1], groups = n.i("num_groups");
  if (groups < 1 || c % groups != 0) n.fail("{} channels do not divide into {} groups", c, groups);
  stash_type(n);
  const bool by_group = n.opset < 21;
  check_channels(n, by_group ? groups : c);
  const auto each = [&](const Tensor& t) {
    return by_group ? reshape(broadcast_to(reshape(t, {groups, 1}), {groups, c / groups}), {c}) : t;
  };
  return {grouped(n, groups, each(n.in(1)), each(n.in(2)))};
}

Outputs mean_variance_normalization(const NodeView& n) {
  const Tensor& x = n.in(0);
  check_float(n, x);
  std::vector<int64_t> axes = n.ints("axes", {0, 2, 3});
  const Tensor apart = widen(x) - mean(widen(x), axes, true);
  const Tensor deviation = sqrt(mean(square(apart), axes, true));
  return {cast(apart / (deviation + 1e-9), x.dtype())};
}

// A line of zeros stays as it is.
Outputs lp_normalization(const NodeView& n) {
  const Tensor& x = n.in(0);
  check_float(n, x);
  const int axis = axis_of(n, n.i("axis", -1), x.rank());
  const int64_t p = n.i("p", 2);
  if (p != 1 && p != 2) n.fail("p is {}, expected 1 or 2", p);
  const Tensor w = widen(x);
  const Tensor length = p == 1 ? sum(abs(w), {axis}, true) : norm(w, {axis}, true);
  const Tensor y = w / select(equal(length, 0.0), 1.0, length);
  return {cast(select(equal(length, 0.0), 0.0, y), x.dtype())};
}

Tensor dropout_key(const NodeView& n) {
  return n.has_attr("seed") ? Tensor::of<int64_t>({n.i("seed", 0), 0}, {2}) : n.random_key();
}

// Up to opset 6 an attribute says whether it is a test, opsets 7 and 10 know nothing else, from 12
// on an input says whether it trains.
Outputs dropout_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  const DType mask_dtype = n.opset >= 10 ? DType::boolean : x.dtype();
  const bool by_input = n.opset >= 12;
  const bool may_train = by_input ? n.has(2) : n.opset < 7 && !n.i("is_test", 0);
  if (!may_train || (by_input && n.is_known(2) && n.known_number(2) == 0)) {
    return {x, ones(x.shape(), mask_dtype)};
  }
  Tensor ratio = full(n.f("ratio", 0.5), {});
  if (by_input && n.has(1)) ratio = cast(n.in(1), DType::f32);
  if (ratio.shape().numel() != 1) n.fail("the ratio is {}", to_string(ratio.shape()));
  ratio = reshape(ratio, {});
  Tensor kept = greater_equal(random_uniform(dropout_key(n), x.shape()), ratio);
  const Tensor raised = widen(x) / cast(1.0 - ratio, wide(x.dtype()));
  Tensor y = cast(select(kept, raised, 0.0), x.dtype());
  if (by_input && !n.is_known(2)) {
    if (n.in(2).shape().numel() != 1) n.fail("training_mode is {}", to_string(n.in(2).shape()));
    const Tensor training = cast(reshape(n.in(2), {}), DType::boolean);
    y = select(training, y, x);
    kept = logical_or(kept, logical_not(training));
  }
  return {y, cast(kept, mask_dtype)};
}

constexpr OperatorRule kRules[] = {
    {"BatchNormalization", batch_normalization},
    {"Dropout", dropout_rule},
    {"GroupNormalization", group_normalization},
    {"InstanceNormalization", instance_normalization},
    {"LayerNormalization", layer_normalization},
    {"LogSoftmax", over_axis<log_softmax>},
    {"LpNormalization", lp_normalization},
    {"MeanVarianceNormalization", mean_variance_normalization},
    {"RMSNormalization", rms_normalization},
    {"Softmax", over_axis<softmax>},
};

}  // namespace

std::span<const OperatorRule> norm_rules() { return kRules; }

}  // namespace suan::onnx
