// Cases of all rows of the elementwise tables: each row gets the same shapes, over inputs where its
// function and gradient are smooth, and inputs at the edges of the numbers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/elementwise.h"

#include <cmath>
#include <map>

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

using Name = std::string_view;
struct Domain {
  double low = -2, high = 2;
};
Domain find_domain(const std::map<Name, Domain>& domains, Name name) {
  const auto it = domains.find(name);
  return it == domains.end() ? Domain() : it->second;
}

// Extra cases whose results are known from the documentation.
struct Known {
  DType dtype;
  std::vector<std::vector<double>> inputs;
  std::vector<double> expected;
};
void add_known(OpCases& cases, const std::multimap<Name, Known>& known, Name name,
               const Build& call) {
  for (auto [it, end] = known.equal_range(name); it != end; ++it) {
    std::vector<In> inputs;
    for (const auto& values : it->second.inputs) {
      inputs.push_back(given({static_cast<int64_t>(values.size())}, values, it->second.dtype));
    }
    cases.cases.push_back(
        {"known values", inputs, call, {.gradient = false, .expected = it->second.expected}});
  }
}

OpCases unary_cases(const OpDef& op, Tensor (*f)(const Tensor&)) {
  static const std::map<Name, Domain> domains{
      {"sqrt", {0.3, 3}},     {"rsqrt", {0.3, 3}},      {"log", {0.3, 3}},     {"log1p", {-0.6, 2}},
      {"tan", {-1, 1}},       {"asin", {-0.8, 0.8}},    {"acos", {-0.8, 0.8}}, {"acosh", {1.5, 3}},
      {"atanh", {-0.7, 0.7}}, {"reciprocal", {0.4, 2}}, {"round", {0.6, 1.4}},
  };
  static const std::multimap<Name, Known> known{
      {"round", {DType::f32, {{0.5, 1.5, 2.5, -0.5, -1.5}}, {0, 2, 2, 0, -2}}},
      {"sign", {DType::i32, {{-7, 0, 9}}, {-1, 0, 1}}},
      {"abs", {DType::i8, {{-128, -5}}, {-128, 5}}},  // wraps
      {"is_nan", {DType::f32, {{NAN, INFINITY, 0}}, {1, 0, 0}}},
      {"is_finite", {DType::f32, {{NAN, -INFINITY, 0}}, {0, 0, 1}}},
      {"relu", {DType::f32, {{NAN, -1, 2}}, {NAN, 0, 2}}},
      {"softplus", {DType::f32, {{-1000, 0, 1000}}, {0, 0.6931472, 1000}}},
      {"sigmoid", {DType::f32, {{-1000, 0, 1000}}, {0, 0.5, 1}}},
      {"silu", {DType::f32, {{-1000, 0, 1000}}, {0, 0, 1000}}},
      {"gelu", {DType::f32, {{-1, 0, 1, 100}}, {-0.1586553, 0, 0.8413447, 100}}},
      {"gelu_tanh", {DType::f32, {{-1, 0, 1, 100}}, {-0.1588080, 0, 0.8411920, 100}}},
      {"hard_swish", {DType::f32, {{-4, -1, 0, 0.5, 4}}, {0, -1 / 3.0, 0, 3.5 / 12, 4}}},
      {"logical_not", {DType::boolean, {{0, 1}}, {1, 0}}},
  };
  const auto [low, high] = find_domain(domains, op.name);
  const bool whole = op.row->i64 != nullptr;
  const bool smooth = !op.row->gives_bool;
  const Build call = [f](const Tensors& x) { return f(x[0]); };
  OpCases cases;
  for (const Shape& shape : {Shape{}, Shape{19}, Shape{3, 2, 5}, Shape{2, 0}}) {
    cases.cases.push_back({"shape " + to_string(shape),
                           {real(shape, low, high)},
                           call,
                           {.gradient = smooth, .integers = whole}});
  }
  const std::vector<double> edges{0,  -0.0, 1,        -1,        0.5, 1.5,   2.5,   -2.5,
                                  30, -30,  INFINITY, -INFINITY, NAN, 1e-30, -1e-30};
  cases.cases.push_back({"edges", {given({15}, edges, DType::f32)}, call, {.gradient = false}});
  cases.cases.push_back({"of integers", {indices({6}, 4, DType::i32)}, call, {.gradient = false}});
  add_known(cases, known, op.name, call);
  return cases;
}

// What binary rows mean for whole numbers and for NaN.
const std::multimap<Name, Known>& known_binary() {
  static const std::multimap<Name, Known> known{
      {"div", {DType::i32, {{7, -7, 7, -7, 5}, {2, 2, -2, -2, 0}}, {3, -3, -3, 3, 0}}},
      {"mod", {DType::i64, {{7, -7, 7, -7, 5}, {3, 3, -3, -3, 0}}, {1, 2, -2, -1, 0}}},
      {"mod", {DType::f32, {{7, -7, 7, -7}, {3, 3, -3, -3}}, {1, 2, -2, -1}}},
      {"add", {DType::u8, {{250}, {10}}, {4}}},  // wraps
      {"sub", {DType::u8, {{3}, {5}}, {254}}},
      {"mul", {DType::i8, {{100}, {3}}, {44}}},
      {"maximum", {DType::f32, {{NAN, 1, 2}, {1, NAN, 1}}, {NAN, NAN, 2}}},
      {"minimum", {DType::f32, {{NAN, 1, 2}, {1, NAN, 1}}, {NAN, NAN, 1}}},
      {"equal", {DType::f32, {{NAN, 1}, {NAN, 1}}, {0, 1}}},
      {"not_equal", {DType::f32, {{NAN, 1}, {NAN, 1}}, {1, 0}}},
      {"logical_and", {DType::boolean, {{0, 0, 1, 1}, {0, 1, 0, 1}}, {0, 0, 0, 1}}},
      {"logical_or", {DType::boolean, {{0, 0, 1, 1}, {0, 1, 0, 1}}, {0, 1, 1, 1}}},
      {"logical_xor", {DType::boolean, {{0, 0, 1, 1}, {0, 1, 0, 1}}, {0, 1, 1, 0}}},
      {"gelu_tanh_gradient",
       {DType::f32, {{1, 2, 3, 2}, {0, 1, 100, -100}}, {0.5, 2.1659282, 3, 0}}},
      {"pow", {DType::f32, {{-2, 0, 2}, {3, 0, -1}}, {-8, 1, 0.5}}},
  };
  return known;
}

OpCases binary_cases(const OpDef& op, Tensor (*f)(const Tensor&, const Tensor&)) {
  static const std::map<Name, Domain> left{{"pow", {0.4, 2}},
                                           {"mod", {2.1, 2.8}},
                                           {"atan2", {0.4, 2}},
                                           {"gelu_tanh_gradient", {0.4, 2}}};
  static const std::map<Name, Domain> right{{"div", {0.4, 2}},
                                            {"mod", {0.95, 1.04}},
                                            {"atan2", {0.4, 2}},
                                            {"gelu_tanh_gradient", {-0.5, 1}}};
  const Domain a = find_domain(left, op.name), b = find_domain(right, op.name);
  const bool whole = op.row->i64 != nullptr;
  const bool smooth = !op.row->gives_bool;
  const Build call = [f](const Tensors& x) { return f(x[0], x[1]); };
  OpCases cases;
  const std::pair<Shape, Shape> shapes[] = {{{}, {}},      {{7}, {}},           {{2, 3}, {2, 3}},
                                            {{3, 4}, {4}}, {{2, 1, 3}, {4, 1}}, {{0, 3}, {3}}};
  for (const auto& [sa, sb] : shapes) {
    cases.cases.push_back({"shapes " + to_string(sa) + " " + to_string(sb),
                           {real(sa, a.low, a.high), real(sb, b.low, b.high)},
                           call,
                           {.gradient = smooth, .integers = whole}});
  }
  cases.cases.push_back({"number on the right",
                         {real({5}, a.low, a.high)},
                         [f](const Tensors& x) { return f(x[0], 1.5); },
                         {.gradient = smooth}});
  cases.cases.push_back({"number on the left",
                         {real({5}, b.low, b.high)},
                         [f](const Tensors& x) { return f(1.5, x[0]); },
                         {.gradient = smooth}});
  cases.cases.push_back({"two dtypes",
                         {real({4}, a.low, a.high), indices({4}, 5, DType::i32)},
                         call,
                         {.gradient = false}});
  cases.cases.push_back({"edges",
                         {given({6}, {0, -1, INFINITY, NAN, 2, 1e-30}, DType::f32),
                          given({5, 1}, {1, -2, -INFINITY, NAN, 0.5}, DType::f32)},
                         call,
                         {.gradient = false}});
  if (op.name == "maximum" || op.name == "minimum") {
    cases.cases.push_back({"ties share the gradient",
                           {given({4}, {1, 2, -1, 0}), given({4}, {1, 1, -1, 3})},
                           call,
                           {.second_gradient = false}});
  }
  add_known(cases, known_binary(), op.name, call);
  const std::string at(op.name);
  cases.bad = {
      {[f] { f(zeros({2, 3}), zeros({2})); }, at + ": shapes [2, 3] and [2] do not broadcast"}};
  return cases;
}

}  // namespace

#define UNARY(name, ...)                                             \
  const OpCases& cases_##name() {                                    \
    static const OpCases cases = unary_cases(*find_op(#name), name); \
    return cases;                                                    \
  }
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(name, ...)                                             \
  const OpCases& cases_##name() {                                     \
    static const OpCases cases = binary_cases(*find_op(#name), name); \
    return cases;                                                     \
  }
#include "suan/ops/binary.table"
#undef BINARY

const OpCases& cases_select() {
  const Build call = [](const Tensors& x) { return select(x[0], x[1], x[2]); };
  static const OpCases cases{
      .cases =
          {
              {"equal shapes",
               {booleans({2, 3}), real({2, 3}), real({2, 3})},
               call,
               {.integers = true}},
              {"broadcast",
               {booleans({3, 1}), real({2, 1, 4}), real({4})},
               call,
               {.integers = true}},
              {"scalar condition", {booleans({}), real({3}), real({})}, call},
              {"number",
               {booleans({5}), real({5})},
               [](const Tensors& x) { return select(x[0], x[1], 0.0); }},
              {"float condition",
               {given({4}, {0, 0.5, -1, 0}), real({4}), real({4})},
               [](const Tensors& x) { return select(x[0], x[1], x[2]); }},
              {"chosen NaN stays out",
               {given({2}, {1, 0}, DType::boolean), given({2}, {1, NAN}), given({2}, {NAN, 2})},
               call,
               {.gradient = false, .expected = {1, 2}}},
          },
      .bad = {{[] { select(ones({2}, DType::boolean), zeros({3}), zeros({3})); },
               "select: shapes [2] and [3] do not broadcast"},
              {[] { make(op_def(find_op("select")->code), {zeros({2}), zeros({2}), zeros({2})}); },
               "select: the condition is f32, expected bool"}},
  };
  return cases;
}

static Build to(DType dtype) {
  return [dtype](const Tensors& x) { return cast(x[0], dtype); };
}
const OpCases& cases_cast() {
  static const OpCases cases{
      .cases =
          {
              {"to f64",
               {given({4}, {-1.5, 0, 0.25, 3}, DType::f32)},
               to(DType::f64),
               {.gradient_tolerance = 1e-3}},
              {"to f32",
               {given({4}, {-1.5, 0, 0.25, 3})},
               to(DType::f32),
               {.gradient_tolerance = 1e-3}},
              {"to bf16 rounds to even",
               {given({5}, {1.00390625, 1.01171875, -3, INFINITY, NAN}, DType::f32)},
               to(DType::bf16),
               {.gradient = false, .expected = {1, 1.015625, -3, INFINITY, NAN}}},
              {"to f16",
               {given({4}, {65519, 65520, 1e-9, -0.1}, DType::f32)},
               to(DType::f16),
               {.gradient = false, .expected = {65504, INFINITY, 0, -0.0999755859375}}},
              {"to i64",
               {given({4}, {-1.9, 1.9, NAN, 1e30}, DType::f32)},
               to(DType::i64),
               {.gradient = false, .expected = {-1, 1, 0, 9223372036854775807.0}}},
              {"to i8 saturates",
               {given({4}, {-1000, 1000, 5.7, -5.7}, DType::f32)},
               to(DType::i8),
               {.gradient = false, .expected = {-128, 127, 5, -5}}},
              {"through f8e5m2 without saturation",
               {given({5}, {1, 1e9, 0.3, -0.45, NAN}, DType::f32)},
               [](const Tensors& x) { return cast(cast(x[0], DType::f8e5m2, false), DType::f32); },
               {.gradient = false, .expected = {1, INFINITY, 0.3125, -0.4375, NAN}}},
              {"through f8e4m3fn saturates",
               {given({4}, {464, 1e9, -1e9, 0.001953125}, DType::f32)},
               [](const Tensors& x) { return cast(cast(x[0], DType::f8e4m3fn), DType::f32); },
               {.gradient = false, .expected = {448, 448, -448, 0.001953125}}},
              {"through i4 wraps",
               {given({4}, {7, 8, -8, -9.7}, DType::f32)},
               [](const Tensors& x) { return cast(cast(x[0], DType::i4), DType::f32); },
               {.gradient = false, .expected = {7, -8, -8, 7}}},
              {"to u8 saturates",
               {given({4}, {-1000, 1000, 5.7, -5.7}, DType::f32)},
               to(DType::u8),
               {.gradient = false, .expected = {0, 255, 5, 0}}},
              {"to i32", {real({3, 4}, -9, 9)}, to(DType::i32), {.gradient = false}},
              {"to bool",
               {given({4}, {0, -0.0, 0.5, NAN}, DType::f32)},
               to(DType::boolean),
               {.gradient = false, .expected = {0, 0, 1, 1}}},
              {"integers wrap",
               {given({3}, {300, -1, 5}, DType::i64)},
               to(DType::u8),
               {.gradient = false, .expected = {44, 255, 5}}},
              {"integers to float", {whole({6}, -9, 9)}, to(DType::f16), {.gradient = false}},
              {"bool to float", {booleans({6})}, to(DType::f32), {.gradient = false}},
          },
  };
  return cases;
}

}  // namespace suan
