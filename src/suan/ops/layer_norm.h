// Layer normalization and its kin: RMS, group and instance normalization.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string_view>

#include "suan/graph/op_def.h"

namespace suan {

// The dtype of a norm's y: x's, or 16 bits where x has more.
enum class NormResult : uint8_t { as_x, bf16, f16 };
inline std::span<const std::string_view> enum_names(NormResult) {
  static constexpr std::string_view kNames[] = {"as_x", "bf16", "f16"};
  return kNames;
}

struct LayerNormAttrs {
  int64_t axes = 1;                      // how many of the last axes are normalized together
  double epsilon = 1e-5;                 // added to the variance, or to the mean square; positive
  NormResult result = NormResult::as_x;  // rounded once, from the f32 value
  bool operator==(const LayerNormAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axes", &LayerNormAttrs::axes},
                      Field{"epsilon", &LayerNormAttrs::epsilon},
                      Field{"result", &LayerNormAttrs::result}};
  }
};

bool is_norm(const Node& node);  // layer_norm or rms_norm
// Of these and of their gradients: elements of a row, which are normalized together.
int64_t norm_row_length(const Node& node);
// Of y, or of the gradient of y.
DType norm_result_dtype(const Node& node);

// y = (x - mean) / sqrt(variance + epsilon) scale + shift over the last axes of x, with their mean
// and their (biased) variance. scale and shift have the shape of these axes; either may be
// undefined. Throws Error when shapes do not fit or x is not a float. Ba, Kiros and Hinton, "Layer
// normalization", 2016.
Tensor layer_norm(const Tensor& x, const Tensor& scale = {}, const Tensor& shift = {},
                  LayerNormAttrs attrs = {});
// y = x / sqrt(mean(x^2) + epsilon) scale over the last axes of x. Zhang and Sennrich, "Root mean
// square layer normalization", NeurIPS 2019.
Tensor rms_norm(const Tensor& x, const Tensor& scale = {}, LayerNormAttrs attrs = {});
// Each sample's channels in `groups` equal parts, each normalized over its channels and all spatial
// axes, then y = z scale + shift by channel. x [n, c, ...], scale and shift [c] or undefined.
// Throws Error when groups does not divide c. Wu and He, "Group normalization", ECCV 2018.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& scale = {},
                  const Tensor& shift = {}, double epsilon = 1e-5);
// group_norm with one channel to a group. Ulyanov, Vedaldi and Lempitsky, "Instance normalization",
// 2016.
Tensor instance_norm(const Tensor& x, const Tensor& scale = {}, const Tensor& shift = {},
                     double epsilon = 1e-5);

}  // namespace suan
