// Bits of integers, and bits read as another dtype.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/bitwise.h"

#include <limits>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/base/small_types.h"

namespace suan::reference {
namespace {

template <class T>
T shifted(T a, T b, bool left) {
  using U = std::make_unsigned_t<T>;
  constexpr int kBits = std::numeric_limits<U>::digits;
  const bool beyond = b < 0 || static_cast<U>(b) >= static_cast<U>(kBits);
  if (beyond) return !left && a < 0 ? static_cast<T>(-1) : T(0);
  const auto places = static_cast<U>(b);
  return left ? static_cast<T>(static_cast<U>(a) << places) : static_cast<T>(a >> places);
}

template <class T>
T combined(BitwiseKind kind, T a, T b) {
  switch (kind) {
    case BitwiseKind::bit_and:
      return static_cast<T>(a & b);
    case BitwiseKind::bit_or:
      return static_cast<T>(a | b);
    case BitwiseKind::bit_xor:
      return static_cast<T>(a ^ b);
    case BitwiseKind::shift_left:
      return shifted(a, b, true);
    case BitwiseKind::shift_right:
      break;
  }
  return shifted(a, b, false);
}

}  // namespace

void bitwise(const Node& node, const KernelArgs& args) {
  const BitwiseKind kind = node.attr<BitwiseAttrs>().kind;
  const Operand &a = args.in[0], &b = args.in[1], &y = args.out[0];
  const Shape sa = a.type.shape.strides(), sb = b.type.shape.strides();
  visit(y.type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      for_each(y.type.shape, [&](const Shape& index, int64_t i) {
        y.as<T>()[i] = combined(kind, a.as<T>()[broadcast_offset(index, a.type.shape, sa)],
                                b.as<T>()[broadcast_offset(index, b.type.shape, sb)]);
      });
    }
  });
}

void bitcast(const Node&, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  if (size_of(y.type.dtype) > 1) {
    for (int64_t i = 0; i < y.numel(); ++i) copy_element(x, i, y, i);
    return;
  }
  const int bits = bits_of(y.type.dtype), mask = (1 << bits) - 1;
  const bool has_sign = is_small_integer(y.type.dtype) && small_range(y.type.dtype).low < 0;
  for (int64_t i = 0; i < y.numel(); ++i) {
    int value = x.as<uint8_t>()[i] & mask;
    if (has_sign && value > mask / 2) value -= mask + 1;
    if (y.type.dtype == DType::boolean) value = value != 0;
    y.as<uint8_t>()[i] = static_cast<uint8_t>(value);
  }
}

}  // namespace suan::reference
