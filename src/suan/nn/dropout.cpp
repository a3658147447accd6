// Dropout.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/dropout.h"

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/random.h"

namespace suan::nn {

Dropout::Dropout(double p) : p_(p) {
  if (!(p >= 0 && p < 1)) fail("Dropout", "got probability {}, expected 0 <= p < 1", p);
  if (p > 0) key = random_key("key");
}

Tensor Dropout::operator()(const Tensor& x) const {
  if (!drops()) return x;
  const Tensor y = dropout(x, key->read(), p_);
  key->assign(key->read() + Tensor::of<int64_t>({0, 1}, {2}));
  return y;
}

}  // namespace suan::nn
