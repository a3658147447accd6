// How elementwise ops leave, and ops that hand on a value.
// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <numbers>

#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"

namespace suan::onnx {
namespace {

template <Tensor (*F)(const Tensor&)>
Tensors rewritten(const NodePtr& n, int64_t /*opset*/) {
  return {F(n->inputs[0])};
}
template <Tensor (*F)(const Tensor&, const Tensor&)>
Tensors rewritten(const NodePtr& n, int64_t /*opset*/) {
  return {F(n->inputs[0], n->inputs[1])};
}
// In f32, which is what engines have.
bool has_gelu(const NodePtr& n, int64_t opset) {
  return opset >= 20 && n->inputs[0].dtype() == DType::f32;
}
Tensors lower_gelu(const NodePtr& n, int64_t opset) {
  if (has_gelu(n, opset)) return {};
  const Tensor& x = n->inputs[0];
  return {0.5 * x * (1.0 + erf(x * (1 / std::numbers::sqrt2)))};
}
Tensors lower_gelu_tanh(const NodePtr& n, int64_t opset) {
  if (has_gelu(n, opset)) return {};
  const Tensor& x = n->inputs[0];
  return {x * sigmoid(x * (1.5957691216057308 + 0.07135481282740267 * x * x))};
}
Names emit_gelu_tanh(Emitter& e, const Node& n) {
  return e.typed(n, "Gelu", kAllFloats, {{"approximate", "tanh"}});
}

// g times the derivative of x s(u(x)), s the sigmoid.
Tensor gelu_tanh_gradient_of(const Tensor& g, const Tensor& x) {
  const Tensor s = sigmoid(x * (1.5957691216057308 + 0.07135481282740267 * x * x));
  const Tensor slope = 1.5957691216057308 + 0.21406443848220802 * x * x;
  return g * (s + x * s * (1.0 - s) * slope);
}

// 2 tanh(x / 2) / (1 - tanh(x / 2)) where exp(x) - 1 would cancel.
Tensor expm1_of(const Tensor& x) {
  const Tensor t = tanh(0.5 * x);
  return select(abs(x) < 0.5, 2.0 * t / (1.0 - t), exp(x) - 1.0);
}
// log(1 + x) with what rounding 1 + x lost made good: x / ((1 + x) - 1) is near 1.
Tensor log1p_of(const Tensor& x) {
  const Tensor u = 1.0 + x, kept = u - 1.0;
  const Tensor exact = equal(kept, 0.0);
  const Tensor small = select(exact, x, log(u) * (x / select(exact, 1.0, kept)));
  return select(abs(x) < 0.5, small, log(u));
}
Tensor square_of(const Tensor& x) { return x * x; }
Tensor rsqrt_of(const Tensor& x) { return reciprocal(sqrt(x)); }
Tensor silu_of(const Tensor& x) { return x * sigmoid(x); }
Tensor trunc_of(const Tensor& x) { return sign(x) * floor(abs(x)); }
Tensor is_finite_of(const Tensor& x) { return equal(x - x, 0.0); }

Tensors lower_is_nan(const NodePtr& n, int64_t /*opset*/) {
  const Tensor& x = n->inputs[0];
  return is_float(x.dtype()) ? Tensors() : Tensors{x < x};
}
Tensors lower_neg(const NodePtr& n, int64_t /*opset*/) {
  const Tensor& x = n->inputs[0];
  if (!is_unsigned(x.dtype())) return {};
  return {full(0, {}, x.dtype()) - x};
}
Tensors lower_relu(const NodePtr& n, int64_t /*opset*/) {
  const Tensor& x = n->inputs[0];
  return is_unsigned(x.dtype()) ? Tensors{x} : Tensors();
}
Tensors lower_logical_not(const NodePtr& n, int64_t /*opset*/) {
  const Tensor& x = n->inputs[0];
  if (x.dtype() == DType::boolean) return {};
  return {equal(x, 0.0)};
}
template <Tensor (*F)(const Tensor&, const Tensor&)>
Tensors lower_logical(const NodePtr& n, int64_t /*opset*/) {
  const Tensor &a = n->inputs[0], &b = n->inputs[1];
  if (a.dtype() == DType::boolean) return {};
  return {F(cast(a, DType::boolean), cast(b, DType::boolean))};
}
Tensor differs(const Tensor& a, const Tensor& b) { return logical_not(equal(a, b)); }

// Whether dividing integers by b can trap: by 0, and the least number by -1.
bool is_harmless(const Tensor& b) {
  if (!is(b.node(), Op::full)) return false;
  const double value = b.node().attr<FullAttrs>().value;
  return value != 0 && value != -1;
}

// a and a divisor that cannot trap, in a dtype that is divided; which divisors were replaced.
struct Division {
  std::string a = {}, b = {};
  DType dtype = DType::i64;
  std::string none = {}, turns = {};  // whether b is 0, whether it is -1 ("" of unsigned numbers)
};
Division safe_division(Emitter& e, const Node& n) {
  const DType given = n.inputs[0].dtype();
  Division d{.dtype = given == DType::boolean ? DType::i32 : given};
  d.a = e.cast(e.of(n.inputs[0]), given, d.dtype);
  d.b = e.cast(e.of(n.inputs[1]), given, d.dtype);
  std::string traps = d.none = e.one("Equal", {d.b, e.number(0, d.dtype)});
  if (!is_unsigned(d.dtype)) {
    d.turns = e.one("Equal", {d.b, e.number(-1, d.dtype)});
    traps = e.one("Or", {d.none, d.turns});
  }
  d.b = e.one("Where", {traps, e.number(1, d.dtype), d.b});
  return d;
}

Names emit_div(Emitter& e, const Node& n) {
  const DType given = n.inputs[0].dtype();
  if (is_float(given) || is_harmless(n.inputs[1])) return e.typed(n, "Div", kNumbers);
  const Division d = safe_division(e, n);
  std::string y = e.one("Div", {d.a, d.b});
  if (!d.turns.empty()) y = e.one("Where", {d.turns, e.one("Neg", {d.a}), y});
  y = e.one("Where", {d.none, e.number(0, d.dtype), y});
  return {e.cast(y, d.dtype, given)};
}
Tensors lower_mod(const NodePtr& n, int64_t /*opset*/) {
  const Tensor &a = n->inputs[0], &b = n->inputs[1];
  return is_float(a.dtype()) ? Tensors{a - floor(a / b) * b} : Tensors();
}
// What is left of a division by 1 is 0, as it is by 0 and -1.
Names emit_mod(Emitter& e, const Node& n) {
  if (is_harmless(n.inputs[1])) return e.typed(n, "Mod", kNumbers);
  const Division d = safe_division(e, n);
  return {e.cast(e.one("Mod", {d.a, d.b}), d.dtype, n.inputs[0].dtype())};
}

// Whether a number has a minus, as -0 has too.
Tensor has_minus(const Tensor& x) { return logical_or(x < 0.0, reciprocal(x) < 0.0); }
// The angle by quadrants, with the corners that y / x does not tell: zeros, and two infinities.
Tensor atan2_of(const Tensor& y, const Tensor& x) {
  constexpr double kPi = std::numbers::pi, kInfinity = std::numeric_limits<double>::infinity();
  const Tensor far = logical_and(equal(abs(y), kInfinity), equal(abs(x), kInfinity));
  const Tensor angle = atan(select(far, sign(y), y) / select(far, sign(x), x));
  const Tensor straight = select(has_minus(y), full(-kPi, {}, y.dtype()), kPi);
  const Tensor origin = select(has_minus(x), straight, y);
  const Tensor below = select(y < 0.0, -kPi / 2, select(equal(y, 0.0), origin, y));
  const Tensor upright = select(y > 0.0, kPi / 2, below);
  const Tensor left = select(x < 0.0, angle + straight, angle);
  return select(equal(x, 0.0), upright, left);
}

Names emit_cast(Emitter& e, const Node& n) {
  const DType to = n.types[0].dtype;
  NodeAttrs attrs{{"to", int64_t{e.type_code(to)}}};
  if (!n.attr<CastAttrs>().saturate && is_small_float(to)) attrs.emplace_back("saturate", 0);
  e.type_code(n.inputs[0].dtype());
  return e.add("Cast", e.inputs_of(n), attrs);
}
Names emit_select(Emitter& e, const Node& n) { return e.add("Where", e.inputs_of(n)); }
// Ops that are their first input.
Names emit_same(Emitter& e, const Node& n) { return {e.of(n.inputs[0])}; }

constexpr DTypes kNegative = kAllFloats | kSigned;

constexpr ExportRule kRules[] = {
    {Op::neg, "Neg", kNegative, lower_neg},
    {Op::abs, "Abs", kNumbers},
    {Op::sign, "Sign", kNumbers},
    {.op = Op::square, .lower = rewritten<square_of>},
    {Op::sqrt, "Sqrt", kAllFloats},
    {.op = Op::rsqrt, .lower = rewritten<rsqrt_of>},
    {Op::reciprocal, "Reciprocal", kAllFloats},
    {Op::exp, "Exp", kAllFloats},
    {.op = Op::expm1, .lower = rewritten<expm1_of>},
    {Op::log, "Log", kAllFloats},
    {.op = Op::log1p, .lower = rewritten<log1p_of>},
    {Op::sin, "Sin", kFloats},
    {Op::cos, "Cos", kFloats},
    {Op::tan, "Tan", kFloats},
    {Op::asin, "Asin", kFloats},
    {Op::acos, "Acos", kFloats},
    {Op::atan, "Atan", kFloats},
    {Op::sinh, "Sinh", kFloats},
    {Op::cosh, "Cosh", kFloats},
    {Op::tanh, "Tanh", kAllFloats},
    {Op::asinh, "Asinh", kFloats},
    {Op::acosh, "Acosh", kFloats},
    {Op::atanh, "Atanh", kFloats},
    {Op::erf, "Erf", kAllFloats},
    {Op::sigmoid, "Sigmoid", kAllFloats},
    {.op = Op::silu, .lower = rewritten<silu_of>},
    {Op::gelu, "Gelu", kAllFloats, lower_gelu},
    {.op = Op::gelu_tanh, .lower = lower_gelu_tanh, .emit = emit_gelu_tanh},
    {Op::relu, "Relu", kNegative, lower_relu},
    {Op::hard_swish, "HardSwish", kFloats},
    {Op::softplus, "Softplus", kFloats},
    {Op::softsign, "Softsign", kFloats},
    {Op::floor, "Floor", kAllFloats},
    {Op::ceil, "Ceil", kAllFloats},
    {Op::round, "Round", kFloats},
    {.op = Op::trunc, .lower = rewritten<trunc_of>},
    {Op::is_nan, "IsNaN", kAllFloats, lower_is_nan},
    {.op = Op::is_finite, .lower = rewritten<is_finite_of>},
    {Op::logical_not, "Not", kAny, lower_logical_not},

    {Op::add, "Add", kNumbers},
    {Op::sub, "Sub", kNumbers},
    {Op::mul, "Mul", kNumbers},
    {.op = Op::div, .emit = emit_div},
    {Op::pow, "Pow", kAllFloats},
    {Op::maximum, "Max", kNumbers},
    {Op::minimum, "Min", kNumbers},
    {.op = Op::mod, .lower = lower_mod, .emit = emit_mod},
    {.op = Op::atan2, .lower = rewritten<atan2_of>},
    {.op = Op::gelu_tanh_gradient, .lower = rewritten<gelu_tanh_gradient_of>},
    {Op::equal, "Equal", kAny},
    {.op = Op::not_equal, .lower = rewritten<differs>},
    {Op::less, "Less", kNumbers},
    {Op::less_equal, "LessOrEqual", kNumbers},
    {Op::greater, "Greater", kNumbers},
    {Op::greater_equal, "GreaterOrEqual", kNumbers},
    {Op::logical_and, "And", kAny, lower_logical<logical_and>},
    {Op::logical_or, "Or", kAny, lower_logical<logical_or>},
    {Op::logical_xor, "Xor", kAny, lower_logical<logical_xor>},
    {.op = Op::select, .emit = emit_select},
    {.op = Op::cast, .emit = emit_cast},

    {.op = Op::stop_gradient, .emit = emit_same},
    {.op = Op::barrier, .emit = emit_same},
    {.op = Op::check_range, .emit = emit_same},
    {.op = Op::reorder, .emit = emit_same},
};

}  // namespace

std::span<const ExportRule> export_elementwise_rules() { return kRules; }

}  // namespace suan::onnx
