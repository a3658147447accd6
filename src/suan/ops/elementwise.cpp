// The OpDefs of all elementwise rows, their shape and dtype rules and their gradients.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/elementwise.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/scalar_math.h"
#include "suan/ops/shape_ops.h"

namespace suan {

#define OP(name) extern const OpDef name##_op;
#include "suan/ops/op_list.inc"
#undef OP

namespace {

// Where a row has no meaning for integers, an integer tensor is cast to f32 first.
Tensor float_unless(const Tensor& x, bool takes_integers) {
  if (takes_integers || is_float(x.dtype())) return x;
  return cast(x, DType::f32);
}

// Texts and small numbers only move and compare.
void refuse_small(const InferContext& c) {
  const DType dtype = c.dtype(c.count() - 1);
  const Op op = c.op.code;
  if (is_arithmetic(dtype) || op == Op::select) return;
  const bool compares = op == Op::equal || op == Op::not_equal;
  if (!compares || is_small_float(dtype)) {
    fail(c.name(), "got {}, which nothing computes with: cast it", name(dtype));
  }
}

template <bool kBool>
std::vector<Type> infer_elementwise(const InferContext& c) {
  refuse_small(c);
  const bool choice = c.count() == 3;
  if (choice && c.dtype(0) != DType::boolean) {
    fail(c.name(), "the condition is {}, expected bool", name(c.dtype(0)));
  }
  const int first = choice ? 1 : 0;
  Shape shape = c.shape(0);
  for (int i = 1; i < c.count(); ++i) {
    shape = broadcast_shapes(shape, c.shape(i), c.name());
    if (i > first && c.dtype(i) != c.dtype(first)) {
      fail(c.name(), "got dtypes {} and {}, expected the same", name(c.dtype(first)),
           name(c.dtype(i)));
    }
  }
  return {Type(kBool ? DType::boolean : c.dtype(first), shape)};
}
template <bool kBool>
std::vector<Type> infer_float(const InferContext& c) {
  for (int i = 0; i < c.count(); ++i) {
    if (!is_float(c.dtype(i))) fail(c.name(), "got {}, expected a float", name(c.dtype(i)));
  }
  return infer_elementwise<kBool>(c);
}

// A scalar literal takes the dtype of its partner.
Tensor adopt(const Tensor& literal, DType partner) {
  const double value = literal.node().attr<FullAttrs>().value;
  const bool whole = value == std::trunc(value) && std::abs(value) < 0x1p63;
  if (is_float(partner) || (whole && is_integer(partner))) return full(value, {}, partner);
  return full(value, {}, whole ? DType::i64 : DType::f32);
}
void match(Tensor& a, Tensor& b) {
  if (is_literal(a) && !is_literal(b)) a = adopt(a, b.dtype());
  if (is_literal(b) && !is_literal(a)) b = adopt(b, a.dtype());
  const DType dtype = promote(a.dtype(), b.dtype());
  a = cast(a, dtype);
  b = cast(b, dtype);
}

Tensor make_binary(const OpDef& op, Tensor a, Tensor b) {
  match(a, b);
  if (!op.row->i64) {
    a = float_unless(a, false);
    b = float_unless(b, false);
  }
  return make(op, {a, b});
}

// The second derivative of x s(u), u = x (c + d x^2): s' (2 u' + x u'' + x (1 - 2 s) u'^2).
Tensor gelu_tanh_curvature(const Tensor& x) {
  const Tensor square = x * x;
  const Tensor s = sigmoid(x * (1.5957691216057308 + 0.07135481282740267 * square));
  const Tensor slope = 1.5957691216057308 + 0.21406443848220802 * square;
  const Tensor bend = 0.42812887696441603 * square;  // x u''
  return s * (1.0 - s) * (2.0 * slope + bend + x * (1.0 - 2.0 * s) * slope * slope);
}

}  // namespace

Tensor reduce_to(const Tensor& g, const Shape& shape) {
  if (g.shape() == shape) return g;
  std::vector<int64_t> axes;
  const int lead = g.rank() - shape.rank();
  for (int i = 0; i < g.rank(); ++i) {
    if (i < lead || (shape[i - lead] == 1 && g.shape()[i] != 1)) axes.push_back(i);
  }
  const Tensor total = axes.empty() ? g : sum(g, axes, true);
  return reshape(total, shape);
}

namespace rows {

#define UNARY(NAME, RESULT, FORWARD, GRADIENT, DOC)        \
  struct NAME##_row {                                      \
    template <class T>                                     \
    static auto forward(const T& x) -> decltype(FORWARD) { \
      return FORWARD;                                      \
    }                                                      \
  };
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(NAME, RESULT, FORWARD, GRADIENT_A, GRADIENT_B, DOC)     \
  struct NAME##_row {                                                  \
    template <class T>                                                 \
    static auto forward(const T& a, const T& b) -> decltype(FORWARD) { \
      return FORWARD;                                                  \
    }                                                                  \
  };
#include "suan/ops/binary.table"
#undef BINARY

template <class Row, class T>
using Scalar = T (*)(const T*);
template <class Row, class T, int kArity>
constexpr Scalar<Row, T> scalar() {
  // reciprocal and friends would divide integers: only rows closed over T count.
  if constexpr (kArity == 1) {
    if constexpr (requires(T x) { Row::template forward<T>(x); }) {
      return [](const T* in) { return static_cast<T>(Row::template forward<T>(in[0])); };
    } else {
      return nullptr;
    }
  } else {
    if constexpr (requires(T x) { Row::template forward<T>(x, x); }) {
      return [](const T* in) { return static_cast<T>(Row::template forward<T>(in[0], in[1])); };
    } else {
      return nullptr;
    }
  }
}

enum class Result { same, boolean };
// Rows that divide with `/` mean real division; they are for floats even where int64_t compiles.
constexpr bool has_division(std::string_view text) {
  return text.find('/') != std::string_view::npos || text.find("T(0.") != std::string_view::npos;
}

template <class Row, int kArity>
constexpr ElementwiseRow row(const char* source, Result result) {
  return {kArity,
          result == Result::boolean,
          source,
          scalar<Row, double, kArity>(),
          scalar<Row, float, kArity>(),
          has_division(source) ? nullptr : scalar<Row, int64_t, kArity>(),
          has_division(source) ? nullptr : scalar<Row, uint64_t, kArity>()};
}

#define UNARY(NAME, RESULT, FORWARD, GRADIENT, DOC) \
  constexpr ElementwiseRow k_##NAME = row<NAME##_row, 1>(#FORWARD, Result::RESULT);
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(NAME, RESULT, FORWARD, GRADIENT_A, GRADIENT_B, DOC) \
  constexpr ElementwiseRow k_##NAME = row<NAME##_row, 2>(#FORWARD, Result::RESULT);
#include "suan/ops/binary.table"
#undef BINARY
constexpr ElementwiseRow k_select{3,
                                  false,
                                  "select(c, a, b)",
                                  [](const double* in) { return in[0] != 0 ? in[1] : in[2]; },
                                  [](const float* in) { return in[0] != 0 ? in[1] : in[2]; },
                                  [](const int64_t* in) { return in[0] != 0 ? in[1] : in[2]; },
                                  [](const uint64_t* in) { return in[0] != 0 ? in[1] : in[2]; }};

constexpr bool zero_at_zero(const ElementwiseRow& row) { return !row.gives_bool; }

}  // namespace rows

namespace {

template <class Rule>
std::vector<Tensor> unary_gradient(const GradContext& c, Rule rule) {
  if (!is_float(c.in(0).dtype())) return {Tensor()};
  return {rule(c.grad(), c.in(0), c.out())};
}
template <class A, class B>
std::vector<Tensor> binary_gradient(const GradContext& c, A rule_a, B rule_b) {
  if (!is_float(c.in(0).dtype())) return {Tensor(), Tensor()};
  std::vector<Tensor> out(2);
  if (c.needs[0]) out[0] = rule_a(c.grad(), c.in(0), c.in(1), c.out());
  if (c.needs[1]) out[1] = rule_b(c.grad(), c.in(0), c.in(1), c.out());
  for (int i = 0; i < 2; ++i) {
    if (out[i]) out[i] = reduce_to(out[i], c.in(i).shape());
  }
  return out;
}

bool gives_zero(const ElementwiseRow& row) {
  const double zeros[3] = {};
  return !row.gives_bool && row.f64(zeros) == 0;
}

}  // namespace

#define UNARY(NAME, RESULT, FORWARD, GRADIENT, DOC)                                    \
  const OpDef NAME##_op{                                                               \
      .code = Op::NAME,                                                                \
      .name = #NAME,                                                                   \
      .doc = DOC,                                                                      \
      .inputs = {"x"},                                                                 \
      .infer = rows::k_##NAME.i64 ? infer_elementwise<rows::k_##NAME.gives_bool>       \
                                  : infer_float<rows::k_##NAME.gives_bool>,            \
      .gradient =                                                                      \
          [](const GradContext& c) {                                                   \
            return unary_gradient(                                                     \
                c,                                                                     \
                []([[maybe_unused]] const Tensor& g, [[maybe_unused]] const Tensor& x, \
                   [[maybe_unused]] const Tensor& y) -> Tensor { return GRADIENT; });  \
          },                                                                           \
      .row = &rows::k_##NAME,                                                          \
      .keeps_zero = gives_zero(rows::k_##NAME),                                        \
  };                                                                                   \
  Tensor NAME(const Tensor& x) { return make(NAME##_op, {float_unless(x, NAME##_op.row->i64)}); }
#include "suan/ops/unary.table"
#undef UNARY

#define BINARY(NAME, RESULT, FORWARD, GRADIENT_A, GRADIENT_B, DOC)                      \
  const OpDef NAME##_op{                                                                \
      .code = Op::NAME,                                                                 \
      .name = #NAME,                                                                    \
      .doc = DOC,                                                                       \
      .inputs = {"a", "b"},                                                             \
      .infer = rows::k_##NAME.i64 ? infer_elementwise<rows::k_##NAME.gives_bool>        \
                                  : infer_float<rows::k_##NAME.gives_bool>,             \
      .gradient =                                                                       \
          [](const GradContext& c) {                                                    \
            return binary_gradient(                                                     \
                c,                                                                      \
                []([[maybe_unused]] const Tensor& g, [[maybe_unused]] const Tensor& a,  \
                   [[maybe_unused]] const Tensor& b,                                    \
                   [[maybe_unused]] const Tensor& y) -> Tensor { return GRADIENT_A; },  \
                []([[maybe_unused]] const Tensor& g, [[maybe_unused]] const Tensor& a,  \
                   [[maybe_unused]] const Tensor& b,                                    \
                   [[maybe_unused]] const Tensor& y) -> Tensor { return GRADIENT_B; }); \
          },                                                                            \
      .row = &rows::k_##NAME,                                                           \
      .keeps_zero = gives_zero(rows::k_##NAME),                                         \
  };                                                                                    \
  Tensor NAME(const Tensor& a, const Tensor& b) { return make_binary(NAME##_op, a, b); }
#include "suan/ops/binary.table"
#undef BINARY

const OpDef select_op{
    .code = Op::select,
    .name = "select",
    .doc = "Choice: y = condition ? a : b.",
    .inputs = {"condition", "a", "b"},
    .infer = infer_elementwise<false>,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      if (!is_float(c.in(1).dtype())) return {{}, {}, {}};
      std::vector<Tensor> out(3);
      if (c.needs[1]) out[1] = reduce_to(select(c.in(0), c.grad(), 0.0), c.in(1).shape());
      if (c.needs[2]) out[2] = reduce_to(select(c.in(0), 0.0, c.grad()), c.in(2).shape());
      return out;
    },
    .row = &rows::k_select,
    .keeps_zero = true,
};
Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor x = a;
  Tensor y = b;
  match(x, y);
  return make(select_op, {cast(condition, DType::boolean), x, y});
}

const OpDef cast_op{
    .code = Op::cast,
    .name = "cast",
    .doc = "Conversion to another dtype.",
    .inputs = {"x"},
    .attrs = &kAttrsType<CastAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (c.dtype(0) == DType::string || c.attr<CastAttrs>().dtype == DType::string) {
        fail(c.name(), "text cannot be cast in a graph");
      }
      return {Type(c.attr<CastAttrs>().dtype, c.shape(0))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      if (!is_float(c.in(0).dtype()) || !is_float(c.out().dtype())) return {Tensor()};
      return {cast(c.grad(), c.in(0).dtype())};
    },
    .keeps_zero = true,
};
Tensor cast(const Tensor& x, DType dtype, bool saturate) {
  if (x.dtype() == dtype) return x;
  if (is(x.node(), Op::full) && is_arithmetic(dtype) && is_arithmetic(x.dtype())) {
    const auto& a = x.node().attr<FullAttrs>();
    if (is_float(dtype) || !is_float(a.dtype)) return full(a.value, a.shape, dtype);
  }
  return make(cast_op, {x}, CastAttrs{dtype, saturate});
}

}  // namespace suan
