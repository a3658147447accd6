// A small convolutional network for digits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/lenet.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/pool.h"
#include "suan/ops/shape_ops.h"

namespace suan::models {

Lenet::Lenet(LenetOptions o)
    : conv1(o.channels, 32, {.kernel = 3, .padding = 1}),
      conv2(32, 64, {.kernel = 3, .padding = 1}),
      fc1(64 * (o.size / 4) * (o.size / 4), 128),
      fc2(128, o.classes) {
  if (o.size % 4 != 0) fail("lenet", "images of size {}, expected a multiple of 4", o.size);
}

Tensor Lenet::operator()(const Tensor& x) const {
  const Tensor a = max_pool2d(relu(conv1(x)), 2);
  const Tensor b = max_pool2d(relu(conv2(a)), 2);
  return fc2(relu(fc1(flatten(b))));
}

}  // namespace suan::models
