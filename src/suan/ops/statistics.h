// Reductions that are made of others: log-sum-exp, variance and what follows from it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/ops/reduce.h"

namespace suan {

struct VarAttrs {
  std::vector<int64_t> axes;  // as in ReduceAttrs
  bool keep = false;
  int64_t correction = 0;  // 1: of a sample (Bessel), 0: of everybody
  bool operator==(const VarAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axes", &VarAttrs::axes}, Field{"keep", &VarAttrs::keep},
                      Field{"correction", &VarAttrs::correction}};
  }
};

// y = log(sum_i exp(x_i)) over axes (all when empty), without overflow. Throws Error unless x is a
// float.
Tensor logsumexp(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);
// y = sum_i (x_i - mean)^2 / (n - correction) over axes. Throws Error unless x is a float and n is
// larger than the correction.
Tensor var(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false,
           int64_t correction = 0);
// y = sqrt(sum_i x_i^2) over axes; its gradient at 0 is 0.
Tensor norm(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);

}  // namespace suan
