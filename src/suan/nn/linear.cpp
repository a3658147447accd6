// Fully connected layer.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/linear.h"

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/matmul.h"

namespace suan::nn {

Linear::Linear(int64_t in, int64_t out, LinearOptions options) {
  if (in < 1 || out < 1)
    fail("Linear", "got {} inputs and {} outputs, expected 1 or more", in, out);
  weight = parameter("weight", {out, in});
  if (options.bias) bias = parameter("bias", {out});
  init::linear_default(weight, bias);
}

Tensor Linear::operator()(const Tensor& x) const {
  const Tensor shift = bias ? bias->read() : Tensor();
  if (factor) return linear(linear(x, weight->read()), factor->read(), shift);
  return linear(x, weight->read(), shift);
}

}  // namespace suan::nn
