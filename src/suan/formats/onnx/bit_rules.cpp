// Operators on the bits of integers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/bitwise.h"

namespace suan::onnx {
namespace {

Outputs bit_shift(const NodeView& n) {
  const std::string direction = n.s("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") {
    n.fail("direction is '{}', expected LEFT or RIGHT", direction);
  }
  const auto kind = direction == "LEFT" ? BitwiseKind::shift_left : BitwiseKind::shift_right;
  return {bitwise(n.in(0), n.in(1), kind)};
}

template <BitwiseKind kKind>
Outputs bits(const NodeView& n) {
  return {bitwise(n.in(0), n.in(1), kKind)};
}
Outputs bits_not(const NodeView& n) { return {bitwise_not(n.in(0))}; }
Outputs bit_cast_rule(const NodeView& n) {
  return {bitcast(n.in(0), dtype_of_onnx(n.i("to"), "BitCast"))};
}

constexpr OperatorRule kRules[] = {
    {"BitCast", bit_cast_rule},
    {"BitShift", bit_shift},
    {"BitwiseAnd", bits<BitwiseKind::bit_and>},
    {"BitwiseNot", bits_not},
    {"BitwiseOr", bits<BitwiseKind::bit_or>},
    {"BitwiseXor", bits<BitwiseKind::bit_xor>},
};

}  // namespace

std::span<const OperatorRule> bit_rules() { return kRules; }

}  // namespace suan::onnx
