// Reverse-mode differentiation: graphs into gradient graphs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "suan/graph/tensor.h"

namespace suan {

// d loss / d x for each x in `wrt`, by a reverse walk over the ops' gradient rules. `loss` must be
// one number, unless `seed` (of loss's shape) gives the gradient to start from. An x that the loss
// does not depend on gets zeros. The results are ordinary tensors, so they can be differentiated
// again. Throws Error when the loss depends on an x through an op without a gradient rule.
std::vector<Tensor> gradients(const Tensor& loss, std::span<const Tensor> wrt,
                              const Tensor& seed = {});

}  // namespace suan
