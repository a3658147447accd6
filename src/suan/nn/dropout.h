// Dropout.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/module.h"

namespace suan::nn {

// Training: each element is zero with probability p, else x / (1 - p); evaluation: x. The key of
// the random numbers is a state, advanced by every call. Srivastava et al., JMLR 2014.
// Throws Error unless 0 <= p < 1.
struct Dropout : Module {
  explicit Dropout(double p = 0.5);
  Tensor operator()(const Tensor& x) const;
  bool drops() const { return p_ > 0 && training(); }

  StatePtr key;  // i64[2]: seed and stream
  SUAN_MEMBERS(key)

 private:
  double p_;
};

}  // namespace suan::nn
