// Arithmetic: how closely a graph is computed, which a person chooses for a whole program. What
// each op makes of it is its own policy (graph/op_def.h). SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "suan/base/dtype.h"

namespace suan {

enum class Arithmetic : uint8_t {
  f32,   // all in the dtypes of the graph
  tf32,  // the same, but products may round f32 operands to TF32 (10 bits), where a device has it
  bf16,  // mixed precision: 16-bit operands where ops gain from it
  f16,   // the same with f16; gradients need a scaled loss (optim/loss_scale.h)
  fp8,   // bf16, with operands of large products in FP8
};
std::string_view name(Arithmetic arithmetic);                       // "tf32"
std::optional<Arithmetic> parse_arithmetic(std::string_view text);  // the inverse of name()
std::span<const std::string_view> arithmetic_names();
// What data between products is kept in: f32, bf16 or f16.
DType data_dtype(Arithmetic arithmetic);

}  // namespace suan
