// Matrix products of FP8 operands, each with one scale, and how tensors become such operands.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct ScaledMatmulAttrs {
  DType dtype = DType::bf16;  // of the result
  bool operator==(const ScaledMatmulAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"dtype", &ScaledMatmulAttrs::dtype}}; }
};

// About values * scale: values in f8e4m3fn (weights, activations) or f8e5m2 (gradients), scale an
// f32 scalar.
struct ScaledTensor {
  Tensor values, scale;
};
// x with its largest magnitude at the largest element of `dtype`: scale = max |x| / largest.
// Micikevicius et al., "FP8 formats for deep learning", 2022.
ScaledTensor to_fp8(const Tensor& x, DType dtype);

// y[m, n] = (a.scale b.scale) sum_k a[m, k] b[n, k], in `dtype`, a float: both operands have k
// last, as FP8 units want them. Throws Error for other dtypes and sizes that differ.
Tensor scaled_matmul(const ScaledTensor& a, const ScaledTensor& b, DType dtype);

}  // namespace suan
