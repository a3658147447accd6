// Batch normalization, as training and as inference do it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct BatchNormAttrs {
  double epsilon = 1e-5;  // added to the variance; positive
  bool operator==(const BatchNormAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"epsilon", &BatchNormAttrs::epsilon}}; }
};

struct BatchNorm {
  Tensor y;         // like x
  Tensor mean;      // [c], f32 (f64 where x is f64)
  Tensor variance;  // [c], of the same dtype: the mean of squared distances, over n, not n - 1
};

// Normalizes each channel over the batch: y = (x - mean) / sqrt(variance + epsilon) scale + shift,
// mean and variance being those of x over all axes but the second. x [n, c, ...] of a float dtype,
// scale and shift [c]; the statistics are differentiable too. Throws Error when the shapes do not
// fit. Ioffe and Szegedy, "Batch normalization", ICML 2015.
BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift,
                     BatchNormAttrs attrs = {});
// The same with statistics [c] found before: elementwise.
Tensor batch_norm_inference(const Tensor& x, const Tensor& scale, const Tensor& shift,
                            const Tensor& mean, const Tensor& variance, BatchNormAttrs attrs = {});

// What a batch_norm node gives, of which only the statistics are the node's: y is elementwise ops
// on them, which what follows can join.
std::vector<Tensor> split_batch_norm(const NodePtr& node);

}  // namespace suan
