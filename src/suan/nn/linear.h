// Fully connected layer.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/module.h"

namespace suan::nn {

struct LinearOptions {
  bool bias = true;
};

// y = x w^T + b for x [..., in]; weight [out, in], bias [out]. Starts as in PyTorch.
struct Linear : Module {
  Linear(int64_t in, int64_t out, LinearOptions options = {});
  Tensor operator()(const Tensor& x) const;

  StatePtr weight;
  StatePtr bias;
  StatePtr factor;  // [out, rank], or none: the weight is then [rank, in] and w = factor weight
  SUAN_MEMBERS(weight, bias, factor)
};

}  // namespace suan::nn
