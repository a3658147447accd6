// Activation functions of simpler ops. Branches are chosen by select, so that each has the slope of
// its side at the bend, and no branch not taken overflows into the gradient.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/activation.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"

namespace suan {

Tensor clamp(const Tensor& x, double low, double high) {
  if (!(low <= high)) fail("clamp", "got [{}, {}], expected low <= high", low, high);
  return select(x < low, low, select(x > high, high, x));
}

Tensor leaky_relu(const Tensor& x, const Tensor& slope) {
  if (!broadcasts_to(slope.shape(), x.shape())) {
    fail("leaky_relu", "slope {} does not broadcast to {}", to_string(slope.shape()),
         to_string(x.shape()));
  }
  return select(x > 0.0, x, slope * x);
}

Tensor elu(const Tensor& x, double alpha) {
  const Tensor positive = x > 0.0;
  return select(positive, x, alpha * expm1(select(positive, 0.0, x)));
}

Tensor selu(const Tensor& x) { return 1.0507009873554805 * elu(x, 1.6732632423543772); }

Tensor hard_sigmoid(const Tensor& x, double slope, double offset) {
  return clamp(slope * x + offset, 0, 1);
}

Tensor mish(const Tensor& x) { return x * tanh(softplus(x)); }

}  // namespace suan
