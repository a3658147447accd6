// Names of arithmetics.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/arithmetic.h"

#include <iterator>

namespace suan {
namespace {
constexpr std::string_view kNames[] = {"f32", "tf32", "bf16", "f16", "fp8"};
constexpr DType kData[] = {DType::f32, DType::f32, DType::bf16, DType::f16, DType::bf16};
}  // namespace

std::string_view name(Arithmetic arithmetic) { return kNames[static_cast<size_t>(arithmetic)]; }

std::optional<Arithmetic> parse_arithmetic(std::string_view text) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (text == kNames[i]) return static_cast<Arithmetic>(i);
  }
  return std::nullopt;
}

std::span<const std::string_view> arithmetic_names() { return kNames; }

DType data_dtype(Arithmetic arithmetic) { return kData[static_cast<size_t>(arithmetic)]; }

}  // namespace suan
