// Pooling layers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/module.h"

namespace suan::nn {

struct PoolOptions {
  int64_t stride = 0;  // 0: the kernel's size
  int64_t padding = 0;
};

// Largest element of each kernel x kernel window of [n, c, h, w].
struct MaxPool2d : Module {
  explicit MaxPool2d(int64_t kernel, PoolOptions options = {});
  Tensor operator()(const Tensor& x) const;

 private:
  int64_t kernel_;
  PoolOptions options_;
};

// Mean over all spatial axes: [n, c, spatial...] to [n, c].
struct GlobalAvgPool : Module {
  Tensor operator()(const Tensor& x) const;
};

}  // namespace suan::nn
