// Numbers to text and back.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/text_cast.h"

#include <cmath>
#include <cstdlib>

#include "suan/base/string_pool.h"
#include "suan/ops/bitwise.h"
#include "suan/ops/elementwise.h"

namespace suan::onnx {
namespace {

template <class T>
std::string print(T value) {
  if constexpr (std::is_same_v<T, bool>) return value ? "True" : "False";
  if constexpr (std::is_integral_v<T>) {
    return fmt::format("{}", value);
  } else {
    using Printed = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const auto number = static_cast<Printed>(value);
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "INF" : "-INF";
    std::string text = fmt::format("{}", number);
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
  }
}

Array to_text(const Array& x) {
  Array y(DType::string, x.shape);
  visit(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < x.numel(); ++i) y.as<StringId>()[i] = intern(print<T>(x.as<T>()[i]));
  });
  return y;
}

double parse(std::string_view text, const NodeView& node) {
  const std::string owned(text);
  char* end = nullptr;
  const double value = std::strtod(owned.c_str(), &end);
  if (owned.empty() || *end) node.fail("'{}' is not a number", text);
  return value;
}

Array from_text(const Array& x, const NodeView& node) {
  Array y(DType::f64, x.shape);
  for (int64_t i = 0; i < x.numel(); ++i) {
    y.as<double>()[i] = parse(text_of(x.as<StringId>()[i]), node);
  }
  return y;
}

// The power of two that round_mode asks for, where that is not what f8e8m0 takes by itself: the one
// above. Clears the bits of the fraction, after adding half a step for `nearest`.
Tensor rounded_to_power(const NodeView& node, const Tensor& x) {
  const std::string mode = node.s("round_mode", "up");
  if (mode == "up") return x;
  if (mode != "down" && mode != "nearest") {
    node.fail("round_mode is '{}', expected up, down or nearest", mode);
  }
  const Tensor number = cast(x, DType::f32);
  Tensor bits = bitcast(number, DType::i32);
  if (mode == "nearest") bits = bits + static_cast<double>(1 << 22);
  const Tensor exponent = Tensor::of<int32_t>({0x7f800000}, {});
  const Tensor power = bitcast(bitwise(bits, exponent, BitwiseKind::bit_and), DType::f32);
  const Tensor moves = logical_and(greater(number, 0.0), less(number, HUGE_VAL));
  return select(moves, power, number);
}

}  // namespace

Tensor cast_any(const NodeView& node, const Tensor& x, DType to) {
  if (x.dtype() == to) return x;
  if (to == DType::string) return NodeView::constant(to_text(node.known(x)));
  if (x.dtype() == DType::string) {
    return cast(NodeView::constant(from_text(node.known(x), node)), to);
  }
  return cast(to == DType::f8e8m0 ? rounded_to_power(node, x) : x, to, node.i("saturate", 1) != 0);
}

}  // namespace suan::onnx
