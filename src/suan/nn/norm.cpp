// Normalisation layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/norm.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/batch_norm.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"

namespace suan::nn {
namespace {

StatePtr ones_parameter(const Shape& shape) {
  StatePtr p = parameter("weight", shape);
  init::constant(p, 1);
  return p;
}
Tensor value(const StatePtr& state) { return state ? state->read() : Tensor(); }

void check_channels(std::string_view layer, const Tensor& x, int64_t channels) {
  if (x.rank() < 2 || x.shape()[1] != channels) {
    fail(layer, "got shape {}, expected {} channels on axis 1", to_string(x.shape()), channels);
  }
}
// Whether the last axes of x have these sizes.
void check_last_axes(std::string_view layer, const Tensor& x, const Shape& shape) {
  const int lead = x.rank() - shape.rank();
  if (lead < 0 || !std::equal(shape.begin(), shape.end(), x.shape().begin() + lead)) {
    fail(layer, "got shape {}, expected it to end in {}", to_string(x.shape()), to_string(shape));
  }
}

}  // namespace

BatchNorm::BatchNorm(int64_t channels, BatchNormOptions options) : options_(options) {
  if (channels < 1) fail("BatchNorm", "got {} channels, expected 1 or more", channels);
  if (options.affine) {
    weight = ones_parameter({channels});
    bias = parameter("bias", {channels});
  }
  running_mean = buffer("running_mean", {channels}, 0);
  running_var = buffer("running_var", {channels}, 1);
  num_batches_tracked = buffer("num_batches_tracked", {}, 0, DType::i64);
}

Tensor BatchNorm::operator()(const Tensor& x) const {
  const int64_t channels = running_mean->type().shape[0];
  check_channels("BatchNorm", x, channels);
  const Tensor scale = weight ? weight->read() : ones({channels});
  const Tensor shift = bias ? bias->read() : zeros({channels});
  if (!training()) {
    return batch_norm_inference(x, scale, shift, running_mean->read(), running_var->read(),
                                {.epsilon = options_.eps});
  }
  const suan::BatchNorm result = batch_norm(x, scale, shift, {.epsilon = options_.eps});
  const int64_t per_channel = x.shape().numel() / channels;
  const auto count = static_cast<double>(per_channel);
  const double unbiased = options_.momentum * count / std::max(1.0, count - 1);
  const auto move = [&](const StatePtr& state, const Tensor& statistic, double share) {
    const Tensor update = cast(statistic, DType::f32) * share;
    state->assign((1 - options_.momentum) * state->read() + update);
  };
  move(running_mean, result.mean, options_.momentum);
  move(running_var, result.variance, unbiased);
  num_batches_tracked->assign(num_batches_tracked->read() + 1.0);
  return result.y;
}

LayerNorm::LayerNorm(const Shape& shape, NormOptions options) : shape_(shape), eps_(options.eps) {
  if (shape.rank() < 1 || shape.numel() < 1) {
    fail("LayerNorm", "got shape {}, expected one or more sizes above 0", to_string(shape));
  }
  if (options.affine) weight = ones_parameter(shape);
  if (options.affine && options.bias) bias = parameter("bias", shape);
}
Tensor LayerNorm::operator()(const Tensor& x) const {
  check_last_axes("LayerNorm", x, shape_);
  return layer_norm(x, value(weight), value(bias), {.axes = shape_.rank(), .epsilon = eps_});
}

RmsNorm::RmsNorm(int64_t width, NormOptions options) : width_(width), eps_(options.eps) {
  if (width < 1) fail("RmsNorm", "got width {}, expected 1 or more", width);
  if (options.affine) weight = ones_parameter({width});
}
Tensor RmsNorm::operator()(const Tensor& x) const {
  check_last_axes("RmsNorm", x, {width_});
  return rms_norm(x, value(weight), {.epsilon = eps_});
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, NormOptions options)
    : groups_(groups), channels_(channels), eps_(options.eps) {
  if (groups < 1 || channels < 1 || channels % groups != 0) {
    fail("GroupNorm", "{} groups do not divide {} channels", groups, channels);
  }
  if (options.affine) weight = ones_parameter({channels});
  if (options.affine && options.bias) bias = parameter("bias", {channels});
}
Tensor GroupNorm::operator()(const Tensor& x) const {
  check_channels("GroupNorm", x, channels_);
  return group_norm(x, groups_, value(weight), value(bias), eps_);
}

}  // namespace suan::nn
