// Cases of the activation functions with parameters.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/activation.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

const In kPoints = given({5}, {-4, -1, 0, 0.5, 4});

OpCases activation_cases(Tensor (*f)(const Tensor&), std::vector<double> expected) {
  const Build build = [f](const Tensors& x) { return f(x[0]); };
  return {
      .cases = {{"uniform", {real({3, 4}, -5, 5)}, build, {.tolerance = 2}},
                {"known", {kPoints}, build, {.gradient = false, .expected = std::move(expected)}}}};
}

}  // namespace

const OpCases& cases_clamp() {
  const auto call = [](double low, double high) -> Build {
    return [=](const Tensors& x) { return clamp(x[0], low, high); };
  };
  static const OpCases cases{
      .cases =
          {{"uniform", {real({3, 4})}, call(-0.7, 1.3)},
           {"known", {kPoints}, call(-1, 2), {.gradient = false, .expected = {-1, -1, 0, 0.5, 2}}},
           {"whole numbers", {whole({9}, -5, 5)}, call(-2, 3), {.gradient = false}}},
      .bad = {{[] { clamp(zeros({2}), 1, 0); }, "clamp: got [1, 0], expected low <= high"}},
  };
  return cases;
}

const OpCases& cases_leaky_relu() {
  static const OpCases cases{
      .cases = {{"number", {real({3, 4})}, [](const Tensors& x) { return leaky_relu(x[0]); }},
                {"known",
                 {kPoints},
                 [](const Tensors& x) { return leaky_relu(x[0], 0.25); },
                 {.gradient = false, .expected = {-1, -0.25, 0, 0.5, 4}}},
                {"parameter",
                 {real({2, 3, 4}), real({3, 1})},
                 [](const Tensors& x) { return leaky_relu(x[0], x[1]); }}},
      .bad = {{[] { leaky_relu(zeros({2}), zeros({3})); },
               "leaky_relu: slope [3] does not broadcast to [2]"}},
  };
  return cases;
}

const OpCases& cases_elu() {
  static const OpCases cases = [] {
    OpCases c = activation_cases([](const Tensor& x) { return elu(x, 2); },
                                 {-1.9633687222225316, -1.2642411176571153, 0, 0.5, 4});
    c.cases.push_back({"far out",
                       {given({2}, {1000, -1000})},
                       [](const Tensors& x) { return elu(x[0]); },
                       {.expected = {1000, -1}}});
    return c;
  }();
  return cases;
}
const OpCases& cases_selu() {
  static const OpCases cases = activation_cases(
      selu, {-1.7258986281898945, -1.1113307378125625, 0, 0.52535049367774, 4.202803949421922});
  return cases;
}
const OpCases& cases_hard_sigmoid() {
  static const OpCases cases = activation_cases(
      [](const Tensor& x) { return hard_sigmoid(x, 0.2, 0.4); }, {0, 0.2, 0.4, 0.5, 1});
  return cases;
}
const OpCases& cases_mish() {
  static const OpCases cases = activation_cases(mish, {-0.07259174079202535, -0.30340146137410895,
                                                       0, 0.3752452113048951, 3.9974128069762385});
  return cases;
}

}  // namespace suan
