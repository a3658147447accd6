// A small convolutional network for digits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/lenet.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/pool.h"
#include "suan/ops/shape_ops.h"

namespace suan::models {

namespace {
LenetOptions checked(const LenetOptions& o) {
  if (o.size < 4 || o.size % 4 != 0) {
    fail("lenet", "images of size {}, expected a multiple of 4", o.size);
  }
  if (o.filters.size() != 2) {
    fail("lenet", "filters has {} numbers, expected 2", o.filters.size());
  }
  return o;
}
}  // namespace

Lenet::Lenet(LenetOptions o)
    : conv1(checked(o).channels, o.filters[0], {.kernel = 3, .padding = 1}),
      conv2(o.filters[0], o.filters[1], {.kernel = 3, .padding = 1}),
      fc1(o.filters[1] * (o.size / 4) * (o.size / 4), o.hidden),
      fc2(o.hidden, o.classes) {}

// Pooling comes before relu: max and relu commute, gradients included, and a quarter is left to do.
Tensor Lenet::operator()(const Tensor& x) const {
  const Tensor a = relu(max_pool2d(conv1(x), 2));
  const Tensor b = relu(max_pool2d(conv2(a), 2));
  return fc2(relu(fc1(flatten(b))));
}

}  // namespace suan::models
