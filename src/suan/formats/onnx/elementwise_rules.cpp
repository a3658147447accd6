// Operators that work element by element, with NumPy's broadcasting.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "suan/formats/onnx/internal/node.h"
#include "suan/formats/onnx/internal/text_cast.h"
#include "suan/ops/activation.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

template <Tensor (*F)(const Tensor&)>
Outputs unary(const NodeView& n) {
  return {F(n.in(0))};
}

// The second operand. Before opset 7 it broadcast only where asked to, from a given axis on.
Tensor second(const NodeView& n) {
  const Tensor& b = n.in(1);
  if (n.opset >= 7 || !n.i("broadcast", 0)) return b;
  const int rank = n.in(0).rank();
  const int axis = n.has_attr("axis") ? axis_of(n, n.i("axis"), rank) : rank - b.rank();
  Shape shape = b.shape();
  while (shape.rank() + axis < rank) shape.push_back(1);
  return reshape(b, shape);
}

template <Tensor (*F)(const Tensor&, const Tensor&)>
Outputs binary(const NodeView& n) {
  return {F(n.in(0), second(n))};
}

// Any number of operands, from left to right.
template <Tensor (*F)(const Tensor&, const Tensor&)>
Outputs variadic(const NodeView& n) {
  Tensor total = n.in(0);
  for (int i = 1; i < n.count(); ++i) total = F(total, n.in(i));
  return {total};
}
Outputs mean_of(const NodeView& n) {
  Tensor total = n.in(0);
  for (int i = 1; i < n.count(); ++i) total = total + n.in(i);
  return {total / static_cast<double>(n.count())};
}

Outputs pow_rule(const NodeView& n) {
  const Tensor &x = n.in(0), y = second(n);
  if (is_float(x.dtype())) return {pow(x, cast(y, x.dtype()))};
  return {cast(pow(cast(x, DType::f64), cast(y, DType::f64)), x.dtype())};
}

Outputs mod_rule(const NodeView& n) {
  const Tensor &a = n.in(0), b = second(n);
  // The sign of the dividend, as C's fmod and integer division that truncates.
  const bool of_dividend = n.i("fmod", 0) != 0;
  if (!is_float(a.dtype())) return {of_dividend ? a - div(a, b) * b : mod(a, b)};
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Tensor wide = cast(a, DType::f64), divisor = cast(b, DType::f64);
  const Tensor quotient = wide / divisor;
  Tensor rest = wide - (of_dividend ? trunc(quotient) : floor(quotient)) * divisor;
  rest = select(equal(rest, 0.0), (of_dividend ? wide : divisor) * 0.0, rest);  // zeros have signs
  const Tensor beyond = logical_and(equal(abs(divisor), kInfinity), less(abs(wide), kInfinity));
  const Tensor moved = of_dividend ? wide : select(less(wide * divisor, 0.0), divisor, wide);
  return {cast(select(beyond, moved, rest), a.dtype())};
}

Tensor not_rule(const Tensor& x) { return logical_not(x); }

Outputs clip(const NodeView& n) {
  Tensor y = n.in(0);
  const bool by_inputs = n.opset >= 11;
  if (by_inputs ? n.has(1) : n.has_attr("min")) {
    y = maximum(y, by_inputs ? n.in(1) : full(n.f("min", 0), {}, y.dtype()));
  }
  if (by_inputs ? n.has(2) : n.has_attr("max")) {
    y = minimum(y, by_inputs ? n.in(2) : full(n.f("max", 0), {}, y.dtype()));
  }
  return {y};
}

Outputs prelu(const NodeView& n) {
  const Tensor &x = n.in(0), &given = n.in(1);
  Tensor slope = given;
  if (n.opset < 7 && slope.rank() == 1 && slope.size(0) > 1) {  // one for each channel
    Shape shape{slope.size(0)};
    while (shape.rank() + 1 < x.rank()) shape.push_back(1);
    slope = reshape(slope, shape);
  }
  return {select(less(x, 0.0), slope * x, x)};
}

Outputs cast_rule(const NodeView& n) {
  const DType to = dtype_of_onnx(n.i("to"), "Cast");
  return {cast_any(n, n.in(0), to)};
}
Outputs cast_like(const NodeView& n) { return {cast_any(n, n.in(0), n.in(1).dtype())}; }

Outputs is_inf(const NodeView& n) {
  const Tensor& x = n.in(0);
  const double inf = std::numeric_limits<double>::infinity();
  const bool positive = n.i("detect_positive", 1), negative = n.i("detect_negative", 1);
  if (!positive && !negative) return {zeros(x.shape(), DType::boolean)};
  if (positive && negative) return {equal(abs(x), inf)};
  return {equal(x, positive ? inf : -inf)};
}

Outputs shrink(const NodeView& n) {
  const Tensor& x = n.in(0);
  const double bias = n.f("bias", 0), lambd = n.f("lambd", 0.5);
  const auto shifted = [&](double by) {  // in f32, so that whole numbers keep fractions
    return cast(cast(x, DType::f32) + by, x.dtype());
  };
  if (!is_float(x.dtype())) {
    const Tensor wide = cast(x, DType::f32);
    return {select(less(wide, -lambd), shifted(bias),
                   select(greater(wide, lambd), shifted(-bias), cast(full(0, {}), x.dtype())))};
  }
  return {select(less(x, -lambd), x + bias, select(greater(x, lambd), x - bias, 0.0))};
}

Outputs elu_rule(const NodeView& n) { return {elu(n.in(0), n.f("alpha", 1))}; }
Outputs celu(const NodeView& n) {
  const Tensor& x = n.in(0);
  const double alpha = n.f("alpha", 1);
  return {maximum(x, 0.0) + minimum(alpha * expm1(minimum(x, 0.0) / alpha), 0.0)};
}
Outputs selu_rule(const NodeView& n) {
  const double alpha = n.f("alpha", 1.6732632423543772), gamma = n.f("gamma", 1.0507009873554805);
  return {gamma * elu(n.in(0), alpha)};
}
Outputs leaky(const NodeView& n) {
  const Tensor& x = n.in(0);
  return {select(less(x, 0.0), n.f("alpha", 0.01) * x, x)};
}
Outputs thresholded_relu(const NodeView& n) {
  const Tensor& x = n.in(0);
  return {select(greater(x, n.f("alpha", 1)), x, 0.0)};
}
Outputs hard_sigmoid_rule(const NodeView& n) {
  return {hard_sigmoid(n.in(0), n.f("alpha", 0.2), n.f("beta", 0.5))};
}
Outputs hard_swish_rule(const NodeView& n) { return {hard_swish(n.in(0))}; }
Outputs mish_rule(const NodeView& n) { return {mish(n.in(0))}; }
Outputs gelu_rule(const NodeView& n) {
  return {n.s("approximate", "none") == "tanh" ? gelu_tanh(n.in(0)) : gelu(n.in(0))};
}
Outputs swish(const NodeView& n) {
  const Tensor& x = n.in(0);
  return {x * sigmoid(n.f("alpha", 1) * x)};
}
Outputs where(const NodeView& n) { return {select(n.in(0), n.in(1), n.in(2))}; }
Outputs identity(const NodeView& n) { return {n.value(0)}; }

constexpr OperatorRule kRules[] = {
    {"Abs", unary<abs>},
    {"Acos", unary<acos>},
    {"Acosh", unary<acosh>},
    {"Add", binary<add>},
    {"And", binary<logical_and>},
    {"Asin", unary<asin>},
    {"Asinh", unary<asinh>},
    {"Atan", unary<atan>},
    {"Atanh", unary<atanh>},
    {"Cast", cast_rule},
    {"CastLike", cast_like},
    {"Ceil", unary<ceil>},
    {"Celu", celu},
    {"Clip", clip},
    {"Cos", unary<cos>},
    {"Cosh", unary<cosh>},
    {"Div", binary<div>},
    {"Elu", elu_rule},
    {"Equal", binary<equal>},
    {"Erf", unary<erf>},
    {"Exp", unary<exp>},
    {"Floor", unary<floor>},
    {"Gelu", gelu_rule},
    {"Greater", binary<greater>},
    {"GreaterOrEqual", binary<greater_equal>},
    {"HardSigmoid", hard_sigmoid_rule},
    {"HardSwish", hard_swish_rule},
    {"Identity", identity},
    {"IsInf", is_inf},
    {"IsNaN", unary<is_nan>},
    {"LeakyRelu", leaky},
    {"Less", binary<less>},
    {"LessOrEqual", binary<less_equal>},
    {"Log", unary<log>},
    {"Max", variadic<maximum>},
    {"Mean", mean_of},
    {"Min", variadic<minimum>},
    {"Mish", mish_rule},
    {"Mod", mod_rule},
    {"Mul", binary<mul>},
    {"Neg", unary<neg>},
    {"Not", unary<not_rule>},
    {"Or", binary<logical_or>},
    {"PRelu", prelu},
    {"Pow", pow_rule},
    {"Reciprocal", unary<reciprocal>},
    {"Relu", unary<relu>},
    {"Round", unary<round>},
    {"Selu", selu_rule},
    {"Shrink", shrink},
    {"Sigmoid", unary<sigmoid>},
    {"Sign", unary<sign>},
    {"Sin", unary<sin>},
    {"Sinh", unary<sinh>},
    {"Softplus", unary<softplus>},
    {"Softsign", unary<softsign>},
    {"Sqrt", unary<sqrt>},
    {"Sub", binary<sub>},
    {"Sum", variadic<add>},
    {"Swish", swish},
    {"Tan", unary<tan>},
    {"Tanh", unary<tanh>},
    {"ThresholdedRelu", thresholded_relu},
    {"Where", where},
    {"Xor", binary<logical_xor>},
};

}  // namespace

std::span<const OperatorRule> elementwise_rules() { return kRules; }

}  // namespace suan::onnx
