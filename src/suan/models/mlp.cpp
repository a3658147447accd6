// Multi-layer perceptron.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/mlp.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/shape_ops.h"

namespace suan::models {

Mlp::Mlp(const MlpOptions& options) {
  const auto& sizes = options.sizes;
  if (sizes.size() < 2) fail("mlp", "got {} sizes, expected inputs and outputs", sizes.size());
  for (size_t i = 0; i + 1 < sizes.size(); ++i) layers.emplace_back(sizes[i], sizes[i + 1]);
}

Tensor Mlp::operator()(const Tensor& x) const {
  Tensor y = x.rank() > 2 ? flatten(x) : x;
  for (size_t i = 0; i < layers.size(); ++i) {
    y = layers[i](y);
    if (i + 1 < layers.size()) y = relu(y);
  }
  return y;
}

}  // namespace suan::models
