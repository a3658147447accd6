// Normalisation layers. Names, defaults and statistics are PyTorch's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/module.h"

namespace suan::nn {

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // share of the new batch in the running statistics
  bool affine = true;
};

// y = (x - mean) / sqrt(var + eps) weight + bias per channel of [n, channels, spatial...].
// Training: mean and (biased) variance of the batch, which also move the running ones (by the
// unbiased variance); evaluation: the running ones. Ioffe and Szegedy, ICML 2015.
struct BatchNorm : Module {
  explicit BatchNorm(int64_t channels, BatchNormOptions options = {});
  Tensor operator()(const Tensor& x) const;

  StatePtr weight, bias, running_mean, running_var, num_batches_tracked;
  SUAN_MEMBERS(weight, bias, running_mean, running_var, num_batches_tracked)

 private:
  BatchNormOptions options_;
};
using BatchNorm1d = BatchNorm;
using BatchNorm2d = BatchNorm;

struct NormOptions {
  double eps = 1e-5;
  bool affine = true;
  bool bias = true;  // where affine
};

// y = (x - mean) / sqrt(var + eps) weight + bias over the last axes of x, whose sizes are `shape`.
// Ba, Kiros and Hinton 2016.
struct LayerNorm : Module {
  explicit LayerNorm(const Shape& shape, NormOptions options = {});
  explicit LayerNorm(int64_t width, NormOptions options = {}) : LayerNorm(Shape{width}, options) {}
  Tensor operator()(const Tensor& x) const;

  StatePtr weight, bias;
  SUAN_MEMBERS(weight, bias)

 private:
  Shape shape_;
  double eps_;
};

// y = x / sqrt(mean(x^2) + eps) weight over the last axis. Zhang and Sennrich, NeurIPS 2019.
struct RmsNorm : Module {
  explicit RmsNorm(int64_t width, NormOptions options = {});
  Tensor operator()(const Tensor& x) const;

  StatePtr weight;
  SUAN_MEMBERS(weight)

 private:
  int64_t width_;
  double eps_;
};

// The channels of [n, channels, spatial...] in `groups` equal parts, each normalised over its
// channels and all pixels. Wu and He, ECCV 2018. Throws Error when groups do not divide channels.
struct GroupNorm : Module {
  GroupNorm(int64_t groups, int64_t channels, NormOptions options = {});
  Tensor operator()(const Tensor& x) const;

  StatePtr weight, bias;
  SUAN_MEMBERS(weight, bias)

 private:
  int64_t groups_, channels_;
  double eps_;
};

}  // namespace suan::nn
