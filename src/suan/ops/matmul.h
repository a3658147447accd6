// Matrix products.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// Which operand of a product is the gradient of another product's result: it needs more range and
// less precision than weights and activations do.
enum class GradientOperand : uint8_t { none, a, b };
std::span<const std::string_view> enum_names(GradientOperand operand);

struct MatmulAttrs {
  bool transpose_a = false;  // use a with its last two axes swapped
  bool transpose_b = false;
  bool exact = false;  // operands keep their precision: sums of whole numbers stay exact
  bool tf32 = false;   // f32 operands may be rounded to TF32 (passes/precision.h)
  GradientOperand gradient = GradientOperand::none;
  bool operator==(const MatmulAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"transpose_a", &MatmulAttrs::transpose_a},
                      Field{"transpose_b", &MatmulAttrs::transpose_b},
                      Field{"exact", &MatmulAttrs::exact}, Field{"tf32", &MatmulAttrs::tf32},
                      Field{"gradient", &MatmulAttrs::gradient}};
  }
};

// Matrix product of the last two axes: y[..., m, n] = sum_k a[..., m, k] b[..., k, n]. Leading axes
// broadcast (NumPy's matmul); a vector acts as one row (left) or column (right).
// Throws Error when the inner sizes differ.
Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false);
Tensor matmul(const Tensor& a, const Tensor& b, MatmulAttrs attrs);
// y = x w^T + b: x [..., in], w [out, in], b [out] or undefined.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {});

}  // namespace suan
