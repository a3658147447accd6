// Cases of the reductions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/reduce.h"

#include <cmath>

#include "suan/ops/leaf.h"
#include "suan/ops/statistics.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

using Reduction = Tensor (*)(const Tensor&, std::vector<int64_t>, bool);

// Every choice of axes, kept or not. `fill` makes the inputs.
std::vector<OpCase> common_cases(Reduction f, In (*fill)(Shape), bool second_gradient) {
  const auto call = [f](std::vector<int64_t> axes, bool keep) -> Build {
    return [=](const Tensors& x) { return f(x[0], axes, keep); };
  };
  std::vector<OpCase> cases{
      {"all axes", {fill({3, 4})}, call({}, false)},
      {"first axis", {fill({3, 4})}, call({0}, false)},
      {"last axis, kept", {fill({2, 3, 4})}, call({-1}, true)},
      {"middle axis", {fill({2, 3, 4})}, call({1}, false)},
      {"outer axes, kept", {fill({2, 3, 4})}, call({2, 0}, true)},
      {"long line", {fill({2, 67})}, call({1}, false)},
      {"size 1", {fill({1, 5, 1})}, call({0, 2}, false)},
      {"kept all", {fill({2, 2})}, call({}, true)},
  };
  for (OpCase& c : cases) {
    c.checks.integers = true;
    c.checks.second_gradient = second_gradient;
  }
  return cases;
}

std::vector<BadCase> common_mistakes(Reduction f, const std::string& op) {
  return {
      {[f] { f(zeros({2, 3}), {2}, false); }, op + ": axis 2 is out of range for rank 2"},
      {[f] { f(zeros({2, 3}), {0, -2}, false); }, op + ": an axis is given twice"},
  };
}

In plain(Shape shape) { return real(shape); }
// Factors whose products stay near 1, but for integers.
In unlike_one(Shape shape) { return real(shape, 0.7, 1.4); }

}  // namespace

const OpCases& cases_sum() {
  static const OpCases cases = [] {
    OpCases c{common_cases(sum, plain, true), common_mistakes(sum, "sum"), {}};
    c.cases.push_back({"mean of integers",
                       {indices({2, 3}, 9, DType::i32)},
                       [](const Tensors& x) { return mean(x[0], {1}); },
                       {.gradient = false}});
    c.cases.push_back(
        {"mean", {real({2, 3, 2})}, [](const Tensors& x) { return mean(x[0], {0, 2}, true); }});
    c.cases.push_back({"empty",
                       {real({0, 3})},
                       [](const Tensors& x) { return sum(x[0], {0}); },
                       {.expected = {0, 0, 0}}});
    c.cases.push_back({"u8 sums are i64",
                       {given({3}, {200, 200, 200}, DType::u8)},
                       [](const Tensors& x) { return sum(x[0]); },
                       {.gradient = false, .expected = {600}}});
    return c;
  }();
  return cases;
}

const OpCases& cases_max() {
  static const OpCases cases = [] {
    OpCases c{common_cases(max, distinct, true), common_mistakes(max, "max"), {}};
    const Build rows = [](const Tensors& x) { return max(x[0], {1}); };
    c.cases.push_back({"NaN wins",
                       {given({2, 2}, {NAN, 1, 1, NAN})},
                       rows,
                       {.gradient = false, .expected = {NAN, NAN}}});
    c.cases.push_back({"a tie shares the gradient",
                       {given({1, 4}, {3, 1, 3, 0})},
                       rows,
                       {.second_gradient = false}});
    c.cases.push_back({"infinities",
                       {given({2, 2}, {-INFINITY, -INFINITY, 1, INFINITY})},
                       rows,
                       {.gradient = false, .expected = {-INFINITY, INFINITY}}});
    c.bad.push_back({[] { max(zeros({2, 0}), {1}); }, "max: axis 1 of [2, 0] is empty"});
    return c;
  }();
  return cases;
}

const OpCases& cases_min() {
  static const OpCases cases = [] {
    OpCases c{common_cases(min, distinct, true), common_mistakes(min, "min"), {}};
    const Build rows = [](const Tensors& x) { return min(x[0], {1}); };
    c.cases.push_back({"NaN wins",
                       {given({2, 2}, {NAN, 1, 1, NAN})},
                       rows,
                       {.gradient = false, .expected = {NAN, NAN}}});
    c.cases.push_back({"a tie shares the gradient",
                       {given({1, 4}, {-3, 1, -3, 0})},
                       rows,
                       {.second_gradient = false, .expected = {-3}}});
    c.bad.push_back({[] { min(zeros({2, 0}), {1}); }, "min: axis 1 of [2, 0] is empty"});
    return c;
  }();
  return cases;
}

const OpCases& cases_prod() {
  static const OpCases cases = [] {
    OpCases c{common_cases(prod, unlike_one, true), common_mistakes(prod, "prod"), {}};
    const Build rows = [](const Tensors& x) { return prod(x[0], {1}); };
    c.cases.push_back(
        {"zeros", {given({3, 3}, {2, 0, 3, 0, 0, 5, 1, 2, 3})}, rows, {.expected = {0, 0, 6}}});
    c.cases.push_back({"zeros in a long line",
                       {given({5}, {0, 1.5, -2, 0.5, 3})},
                       [](const Tensors& x) { return prod(x[0]); }});
    c.cases.push_back({"empty",
                       {real({0, 2})},
                       [](const Tensors& x) { return prod(x[0], {0}); },
                       {.expected = {1, 1}}});
    c.cases.push_back({"integers",
                       {given({3}, {100, 100, 100}, DType::i32)},
                       [](const Tensors& x) { return prod(x[0]); },
                       {.gradient = false, .expected = {1e6}}});
    return c;
  }();
  return cases;
}

const OpCases& cases_logsumexp() {
  static const OpCases cases = [] {
    OpCases c{common_cases(logsumexp, plain, true), common_mistakes(logsumexp, "logsumexp"), {}};
    for (OpCase& k : c.cases) k.checks.integers = false;
    const Build rows = [](const Tensors& x) { return logsumexp(x[0], {1}); };
    c.cases.push_back({"large values",
                       {given({2, 2}, {1000, 1000, -1000, -1000})},
                       rows,
                       {.gradient = false, .expected = {1000.6931472, -999.3068528}}});
    c.cases.push_back({"infinities",
                       {given({3, 2}, {-INFINITY, -INFINITY, INFINITY, 1, -INFINITY, 2})},
                       rows,
                       {.gradient = false, .expected = {-INFINITY, INFINITY, 2}}});
    c.bad.push_back(
        {[] { logsumexp(zeros({2}, DType::i64)); }, "logsumexp: got i64, expected a float"});
    c.bad.push_back({[] { logsumexp(zeros({0})); }, "logsumexp: axis 0 of [0] is empty"});
    return c;
  }();
  return cases;
}

const OpCases& cases_var() {
  static const OpCases cases = [] {
    const Reduction f = [](const Tensor& x, std::vector<int64_t> axes, bool keep) {
      return var(x, std::move(axes), keep);
    };
    OpCases c{common_cases(f, plain, true), common_mistakes(f, "var"), {}};
    for (OpCase& k : c.cases) k.checks.integers = false;
    c.cases.push_back({"of a sample",
                       {given({4}, {1, 2, 3, 6})},
                       [](const Tensors& x) { return var(x[0], {}, false, 1); },
                       {.expected = {14.0 / 3}}});
    c.cases.push_back({"of everybody",
                       {given({4}, {1, 2, 3, 6})},
                       [](const Tensors& x) { return var(x[0]); },
                       {.expected = {3.5}}});
    c.cases.push_back({"far from 0",
                       {given({3}, {10001, 10002, 10003}, DType::f32)},
                       [](const Tensors& x) { return var(x[0]); },
                       {.gradient = false, .expected = {2.0 / 3}}});
    c.bad.push_back(
        {[] { var(zeros({1}), {}, false, 1); }, "var: correction 1 does not fit 1 elements"});
    c.bad.push_back({[] { var(zeros({2}, DType::u8)); }, "var: got u8, expected a float"});
    return c;
  }();
  return cases;
}

}  // namespace suan
