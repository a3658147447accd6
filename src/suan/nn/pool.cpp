// Pooling layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/pool.h"

#include "suan/base/error.h"
#include "suan/ops/pool.h"
#include "suan/ops/reduce.h"

namespace suan::nn {

MaxPool2d::MaxPool2d(int64_t kernel, PoolOptions options) : kernel_(kernel), options_(options) {
  if (kernel < 1) fail("MaxPool2d", "got kernel {}, expected 1 or more", kernel);
}
Tensor MaxPool2d::operator()(const Tensor& x) const {
  return max_pool2d(x, kernel_, options_.stride, options_.padding);
}

Tensor GlobalAvgPool::operator()(const Tensor& x) const {
  if (x.rank() < 3) {
    fail("GlobalAvgPool", "got shape {}, expected at least 3 axes", to_string(x.shape()));
  }
  std::vector<int64_t> axes;
  for (int i = 2; i < x.rank(); ++i) axes.push_back(i);
  return mean(x, axes);
}

}  // namespace suan::nn
