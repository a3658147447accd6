// Multi-layer perceptron.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/attrs.h"
#include "suan/nn/linear.h"

namespace suan::models {

struct MlpOptions {
  std::vector<int64_t> sizes{784, 128, 10};  // inputs, hidden layers, outputs
  static constexpr auto fields() { return std::tuple{Field{"sizes", &MlpOptions::sizes}}; }
};

// Linear layers with relu between them. x [n, ...] is flattened; gives [n, outputs].
struct Mlp : nn::Module {
  explicit Mlp(const MlpOptions& options = {});
  Tensor operator()(const Tensor& x) const;

  nn::ModuleList<nn::Linear> layers;
  SUAN_MEMBERS(layers)
};

}  // namespace suan::models
