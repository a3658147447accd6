// Normalisation layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/norm.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan::nn {

BatchNorm::BatchNorm(int64_t channels, BatchNormOptions options) : options_(options) {
  if (channels < 1) fail("BatchNorm", "got {} channels, expected 1 or more", channels);
  if (options.affine) {
    weight = parameter("weight", {channels});
    weight->load(buffer("ones", {channels}, 1)->array());
    bias = parameter("bias", {channels});
  }
  running_mean = buffer("running_mean", {channels}, 0);
  running_var = buffer("running_var", {channels}, 1);
  num_batches_tracked = buffer("num_batches_tracked", {}, 0, DType::i64);
}

Tensor BatchNorm::operator()(const Tensor& x) const {
  const int64_t channels = running_mean->type().shape[0];
  if (x.rank() < 2 || x.shape()[1] != channels) {
    fail("BatchNorm", "got shape {}, expected {} channels on axis 1", to_string(x.shape()),
         channels);
  }
  Shape per_channel = Shape::filled(x.rank(), 1);
  per_channel[1] = channels;
  Tensor mean_value = running_mean->read();
  Tensor variance = running_var->read();
  if (training()) {
    std::vector<int64_t> axes{0};
    for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
    const Tensor wide = cast(x, DType::f32);
    mean_value = mean(wide, axes);
    variance = mean(square(wide - reshape(mean_value, per_channel)), axes);
    const auto count = static_cast<double>(x.shape().numel() / channels);
    const double unbiased = options_.momentum * count / std::max(1.0, count - 1);
    const double keep = 1 - options_.momentum;
    running_mean->assign(keep * running_mean->read() + options_.momentum * mean_value);
    running_var->assign(keep * running_var->read() + unbiased * variance);
    num_batches_tracked->assign(num_batches_tracked->read() + 1.0);
  }
  Tensor scale = rsqrt(variance + options_.eps);
  if (weight) scale = scale * weight->read();
  Tensor shift = -mean_value * scale;
  if (bias) shift = shift + bias->read();
  return x * cast(reshape(scale, per_channel), x.dtype()) +
         cast(reshape(shift, per_channel), x.dtype());
}

}  // namespace suan::nn
