// Activation functions with parameters, as graphs of elementwise ops, which fuse. Those without
// (relu, gelu, silu, ...) are rows of unary.table. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// y = low where x < low, high where x > high, else x. Throws Error when low > high.
Tensor clamp(const Tensor& x, double low, double high);
// y = x where x > 0, else slope x; slope broadcasts, and may be a parameter (PReLU: He et al.,
// ICCV 2015).
Tensor leaky_relu(const Tensor& x, const Tensor& slope = 0.01);
// y = x where x > 0, else alpha (exp(x) - 1). Clevert et al., ICLR 2016.
Tensor elu(const Tensor& x, double alpha = 1);
// y = 1.0507009873554805 elu(x, 1.6732632423543772). Klambauer et al., NeurIPS 2017.
Tensor selu(const Tensor& x);
// y = clamp(slope x + offset, 0, 1).
Tensor hard_sigmoid(const Tensor& x, double slope = 1.0 / 6, double offset = 0.5);
// y = x tanh(softplus(x)). Misra 2019.
Tensor mish(const Tensor& x);

}  // namespace suan
