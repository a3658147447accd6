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

}  // namespace suan::nn
