// Operations on the bits of integers, and bits read as another dtype.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

enum class BitwiseKind : uint8_t {
  bit_and,
  bit_or,
  bit_xor,
  shift_left,   // b places; bits beyond an end are lost
  shift_right,  // of signed integers: copies of the sign come in
};

inline std::span<const std::string_view> enum_names(BitwiseKind) {
  static constexpr std::string_view kNames[] = {"bit_and", "bit_or", "bit_xor", "shift_left",
                                                "shift_right"};
  return kNames;
}

struct BitwiseAttrs {
  BitwiseKind kind = BitwiseKind::bit_and;
  bool operator==(const BitwiseAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"kind", &BitwiseAttrs::kind}}; }
};
struct BitcastAttrs {
  DType dtype = DType::i32;
  bool operator==(const BitcastAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"dtype", &BitcastAttrs::dtype}}; }
};

// y = a (kind) b, by element with broadcasting. A shift by a negative number, or by as many places
// as there are bits or more, leaves 0, or -1 to the right of a negative a (ONNX BitShift). Throws
// Error unless a and b are of the same integer dtype.
Tensor bitwise(const Tensor& a, const Tensor& b, BitwiseKind kind);
// y = a with all bits turned round.
Tensor bitwise_not(const Tensor& a);
// The bits of x as another dtype whose elements have as many (NumPy's view). As bool, any bit
// counts. Throws Error where the sizes differ or a dtype is text.
Tensor bitcast(const Tensor& x, DType dtype);

}  // namespace suan
