// Pooling layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/pool.h"

#include "suan/base/error.h"
#include "suan/ops/pool.h"

namespace suan::nn {

MaxPool2d::MaxPool2d(int64_t kernel, PoolOptions options) : kernel_(kernel), options_(options) {
  if (kernel < 1) fail("MaxPool2d", "got kernel {}, expected 1 or more", kernel);
}
Tensor MaxPool2d::operator()(const Tensor& x) const {
  return max_pool2d(x, kernel_, options_.stride, options_.padding);
}

AvgPool2d::AvgPool2d(int64_t kernel, PoolOptions options) : kernel_(kernel), options_(options) {
  if (kernel < 1) fail("AvgPool2d", "got kernel {}, expected 1 or more", kernel);
}
Tensor AvgPool2d::operator()(const Tensor& x) const {
  return avg_pool2d(x, kernel_, options_.stride, options_.padding);
}

AdaptiveAvgPool2d::AdaptiveAvgPool2d(int64_t size) : size_(size) {
  if (size < 1) fail("AdaptiveAvgPool2d", "got size {}, expected 1 or more", size);
}
Tensor AdaptiveAvgPool2d::operator()(const Tensor& x) const {
  return adaptive_avg_pool(x, {size_, size_});
}

Tensor GlobalAvgPool::operator()(const Tensor& x) const { return global_avg_pool(x); }

}  // namespace suan::nn
