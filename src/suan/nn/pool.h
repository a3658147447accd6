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

// Mean of each kernel x kernel window of [n, c, h, w]; padding counts as zeros.
struct AvgPool2d : Module {
  explicit AvgPool2d(int64_t kernel, PoolOptions options = {});
  Tensor operator()(const Tensor& x) const;

 private:
  int64_t kernel_;
  PoolOptions options_;
};

// Mean over parts of [n, c, h, w] that leave [n, c, size, size] (see adaptive_avg_pool).
struct AdaptiveAvgPool2d : Module {
  explicit AdaptiveAvgPool2d(int64_t size);
  Tensor operator()(const Tensor& x) const;

 private:
  int64_t size_;
};

// Mean over all spatial axes: [n, c, spatial...] to [n, c].
struct GlobalAvgPool : Module {
  Tensor operator()(const Tensor& x) const;
};

}  // namespace suan::nn
