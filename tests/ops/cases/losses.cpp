// Cases of the losses. Expected numbers are worked out from the formulas by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/losses.h"

#include "suan/ops/leaf.h"
#include "suan/ops/softmax.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

constexpr Reduction kAll[] = {Reduction::none, Reduction::mean, Reduction::sum,
                              Reduction::batch_mean};

template <class F>
std::vector<OpCase> each_reduction(const std::vector<In>& inputs, const F& f) {
  constexpr const char* kNames[] = {"none", "mean", "sum", "batch mean"};
  std::vector<OpCase> cases;
  for (size_t i = 0; i < 4; ++i) {
    const Reduction r = kAll[i];
    cases.push_back({kNames[i], inputs, [f, r](const Tensors& x) { return f(x, r); }, {}});
  }
  return cases;
}

using PairLoss = Tensor (*)(const Tensor&, const Tensor&, Reduction);

OpCases pair_cases(PairLoss f, const std::string& name, std::vector<double> expected) {
  OpCases c{
      .cases = each_reduction({distinct({3, 4}), real({3, 4}, -0.1, 0.1)},
                              [f](const Tensors& x, Reduction r) { return f(x[0], x[1], r); }),
      .bad = {{[f] { f(zeros({2}), zeros({3}), {}); },
               name + ": got shapes [2] and [3], expected the same"},
              {[f] { f(zeros({2}, DType::i64), zeros({2}), {}); },
               name + ": got i64, expected a float"}}};
  c.cases.push_back({"known",
                     {given({4}, {1, 2, 3, -1}), given({4}, {1, 0.5, 5, -1.25})},
                     [f](const Tensors& x) { return f(x[0], x[1], Reduction::none); },
                     {.gradient = false, .expected = std::move(expected)}});
  c.cases.push_back({"one number",
                     {real({}), real({})},
                     [f](const Tensors& x) { return f(x[0], x[1], Reduction::batch_mean); },
                     {}});
  return c;
}

// Probabilities away from 0 and 1.
In chances(Shape shape) { return real(shape, 0.1, 0.9); }

}  // namespace

const OpCases& cases_mse_loss() {
  static const OpCases cases = pair_cases(mse_loss, "mse_loss", {0, 2.25, 4, 0.0625});
  return cases;
}
const OpCases& cases_l1_loss() {
  static const OpCases cases = pair_cases(l1_loss, "l1_loss", {0, 1.5, 2, 0.25});
  return cases;
}

const OpCases& cases_huber_loss() {
  static const OpCases cases = [] {
    OpCases c = pair_cases(
        [](const Tensor& x, const Tensor& t, Reduction r) { return huber_loss(x, t, 1, r); },
        "huber_loss", {0, 1, 1.5, 0.03125});
    c.cases.push_back({"wide",
                       {given({3}, {0, 1, 2}), given({3}, {3, 3, 2.5})},
                       [](const Tensors& x) { return huber_loss(x[0], x[1], 2, Reduction::none); },
                       {.gradient = false, .expected = {4, 2, 0.125}}});
    c.bad.push_back({[] { huber_loss(zeros({2}), zeros({2}), 0); },
                     "huber_loss: delta is 0, expected a positive number"});
    return c;
  }();
  return cases;
}

const OpCases& cases_smooth_l1_loss() {
  static const OpCases cases = [] {
    OpCases c = pair_cases(
        [](const Tensor& x, const Tensor& t, Reduction r) { return smooth_l1_loss(x, t, 1, r); },
        "smooth_l1_loss", {0, 1, 1.5, 0.03125});
    for (const double beta : {0.0, 2.0}) {
      const std::vector<double> expected =
          beta == 0 ? std::vector<double>{3, 2, 0.5} : std::vector<double>{2, 1, 0.0625};
      c.cases.push_back(
          {"beta",
           {given({3}, {0, 1, 2}), given({3}, {3, 3, 2.5})},
           [=](const Tensors& x) { return smooth_l1_loss(x[0], x[1], beta, Reduction::none); },
           {.gradient = false, .expected = expected}});
    }
    c.bad.push_back({[] { smooth_l1_loss(zeros({2}), zeros({2}), -1); },
                     "smooth_l1_loss: beta is -1, expected 0 or more"});
    return c;
  }();
  return cases;
}

const OpCases& cases_binary_cross_entropy() {
  static const OpCases cases = [] {
    OpCases c{
        .cases = each_reduction({chances({3, 4}), chances({3, 4})},
                                [](const Tensors& x, Reduction r) {
                                  return binary_cross_entropy(x[0], x[1], {.reduction = r});
                                }),
        .bad = {{[] { binary_cross_entropy(zeros({2}), zeros({3})); },
                 "binary_cross_entropy: got shapes [2] and [3], expected the same"},
                {[] { binary_cross_entropy(zeros({2}), zeros({2}), {.weight = zeros({3})}); },
                 "binary_cross_entropy: weight [3] does not broadcast to [2]"},
                {[] { binary_cross_entropy(zeros({2}), zeros({2}), {.pos_weight = zeros({2})}); },
                 "binary_cross_entropy: pos_weight is for logits only"}},
    };
    c.cases.push_back(
        {"weight",
         {chances({3, 4}), chances({3, 4}), real({4}, 0.5, 2)},
         [](const Tensors& x) { return binary_cross_entropy(x[0], x[1], {.weight = x[2]}); },
         {}});
    c.cases.push_back({"known, with ends",
                       {given({4}, {0.5, 0, 1, 0}), given({4}, {1, 0, 1, 1})},
                       [](const Tensors& x) {
                         return binary_cross_entropy(x[0], x[1], {.reduction = Reduction::none});
                       },
                       {.gradient = false, .expected = {0.6931471805599453, 0, 0, 100}}});
    return c;
  }();
  return cases;
}

const OpCases& cases_binary_cross_entropy_with_logits() {
  static const OpCases cases = [] {
    OpCases c{
        .cases = each_reduction({real({3, 4}), chances({3, 4})},
                                [](const Tensors& x, Reduction r) {
                                  return binary_cross_entropy_with_logits(x[0], x[1],
                                                                          {.reduction = r});
                                }),
        .bad = {{[] { binary_cross_entropy_with_logits(zeros({2}), zeros({3})); },
                 "binary_cross_entropy_with_logits: got shapes [2] and [3], expected the same"},
                {[] {
                   binary_cross_entropy_with_logits(zeros({2}), zeros({2}), {.weight = zeros({3})});
                 },
                 "binary_cross_entropy_with_logits: weight [3] does not broadcast to [2]"},
                {[] {
                   binary_cross_entropy_with_logits(zeros({2}), zeros({2}),
                                                    {.pos_weight = zeros({1, 2})});
                 },
                 "binary_cross_entropy_with_logits: pos_weight [1, 2] does not broadcast to [2]"}},
    };
    c.cases.push_back({"weights",
                       {real({3, 4}), chances({3, 4}), real({3, 1}, 0.5, 2), real({4}, 0.5, 2)},
                       [](const Tensors& x) {
                         return binary_cross_entropy_with_logits(
                             x[0], x[1], {.weight = x[2], .pos_weight = x[3]});
                       },
                       {}});
    c.cases.push_back({"known, without overflow",
                       {given({4}, {0, 1000, -1000, 1000}), given({4}, {1, 1, 1, 0})},
                       [](const Tensors& x) {
                         return binary_cross_entropy_with_logits(
                             x[0], x[1], {.pos_weight = 3.0, .reduction = Reduction::none});
                       },
                       {.gradient = false, .expected = {2.0794415416798357, 0, 3000, 1000}}});
    return c;
  }();
  return cases;
}

const OpCases& cases_kl_div() {
  static const OpCases cases = [] {
    OpCases c{
        .cases = each_reduction(
            {real({3, 4}), chances({3, 4})},
            [](const Tensors& x, Reduction r) { return kl_div(x[0], x[1], {.reduction = r}); }),
        .bad = {{[] { kl_div(zeros({2}), zeros({3})); },
                 "kl_div: got shapes [2] and [3], expected the same"},
                {[] { kl_div(zeros({2}, DType::i32), zeros({2})); },
                 "kl_div: got i32, expected a float"}},
    };
    c.cases.push_back({"logarithms",
                       {real({3, 4}), real({3, 4})},
                       [](const Tensors& x) { return kl_div(x[0], x[1], {.log_target = true}); },
                       {}});
    c.cases.push_back({"known",
                       {given({2, 2}, {-1, -2, -1, -1}), given({2, 2}, {1, 0, 0.5, 0.5})},
                       [](const Tensors& x) { return kl_div(x[0], x[1]); },
                       {.gradient = false, .expected = {0.65342640972002736}}});
    return c;
  }();
  return cases;
}

namespace {

using ClassLoss = Tensor (*)(const Tensor&, const Tensor&, const ClassLossOptions&);

OpCases class_cases(ClassLoss f, const std::string& name) {
  OpCases c{
      .cases = each_reduction(
          {real({2, 3, 5}), indices({2, 3}, 5)},
          [f](const Tensors& x, Reduction r) { return f(x[0], x[1], {.reduction = r}); }),
      .bad = {{[f] { f(zeros({2, 3}), zeros({3}, DType::i64), {}); },
               name + ": got [2, 3] and labels [3], expected [rows..., classes] and [rows...]"},
              {[f] { f(zeros({2, 3}, DType::i64), zeros({2}, DType::i64), {}); },
               name + ": got i64, expected a float"},
              {[f] { f(zeros({2, 3}), zeros({2}), {}); },
               name + ": labels are f32, expected i64 or i32"},
              {[f] { f(zeros({2, 3}), zeros({2}, DType::i64), {.weight = zeros({2})}); },
               name + ": weight is [2], expected [3]"},
              {[f] {
                 f(zeros({2, 3}), full(3, {2}, DType::i64), {.reduction = Reduction::sum}).array();
               },
               name + ": label 3 at position 0 is outside [0, 2]", ErrorCode::kOutOfRange},
              {[f] {
                 f(zeros({2, 3}), full(-1, {2}, DType::i32), {.reduction = Reduction::none})
                     .array();
               },
               name + ": label -1 at position 0 is outside [0, 2]", ErrorCode::kOutOfRange}},
  };
  const std::vector<In> weighted{real({4, 3}), given({4}, {0, -100, 2, 0}, DType::i64),
                                 real({3}, 0.5, 2)};
  for (const Reduction r : {Reduction::none, Reduction::mean}) {
    c.cases.push_back(
        {"weights and an ignored row",
         weighted,
         [=](const Tensors& x) { return f(x[0], x[1], {.weight = x[2], .reduction = r}); },
         {.tolerance = 8}});
  }
  c.cases.push_back({"another ignored label",
                     {real({4, 3}), given({4}, {0, 1, 2, 1}, DType::i32)},
                     [f](const Tensors& x) { return f(x[0], x[1], {.ignore_index = 1}); },
                     {}});
  return c;
}

}  // namespace

const OpCases& cases_nll_loss() {
  static const OpCases cases = [] {
    OpCases c = class_cases(nll_loss, "nll_loss");
    c.cases.push_back({"known",
                       {given({3, 2}, {-1, -2, -3, -4, -5, -6}),
                        given({3}, {1, 0, -100}, DType::i64), given({2}, {3, 1})},
                       [](const Tensors& x) { return nll_loss(x[0], x[1], {.weight = x[2]}); },
                       {.gradient = false, .expected = {11.0 / 4}}});
    c.bad.push_back(
        {[] { nll_loss(zeros({2, 3}), zeros({2}, DType::i64), {.label_smoothing = 0.1}); },
         "nll_loss: takes no label_smoothing"});
    return c;
  }();
  return cases;
}

const OpCases& cases_cross_entropy_loss() {
  static const OpCases cases = [] {
    OpCases c = class_cases(cross_entropy_loss, "cross_entropy_loss");
    for (const Reduction r : {Reduction::sum, Reduction::mean}) {
      c.cases.push_back({"weights, smoothing and an ignored row",
                         {real({4, 3}), given({4}, {0, -100, 2, 0}, DType::i64), real({3}, 0.5, 2)},
                         [=](const Tensors& x) {
                           return cross_entropy_loss(
                               x[0], x[1],
                               {.weight = x[2], .label_smoothing = 0.1, .reduction = r});
                         },
                         {.tolerance = 8}});
    }
    c.cases.push_back({"smoothing",
                       {real({4, 3}), indices({4}, 3)},
                       [](const Tensors& x) {
                         return cross_entropy_loss(
                             x[0], x[1], {.label_smoothing = 0.2, .reduction = Reduction::none});
                       },
                       {}});
    // -log p = {log 3, log 1.5}: row 0 has 0.8 3 log 3 + 0.1 (3 log 3 + log 1.5), row 1 0.8 log 1.5
    // + 0.1 (the same); over the weights 3 + 1.
    c.cases.push_back({"known",
                       {given({2, 2}, {0, 0.6931471805599453, 0, 0.6931471805599453}),
                        given({2}, {0, 1}, DType::i64), given({2}, {3, 1})},
                       [](const Tensors& x) {
                         return cross_entropy_loss(x[0], x[1],
                                                   {.weight = x[2], .label_smoothing = 0.2});
                       },
                       {.gradient = false, .expected = {0.9253254935281234}}});
    c.bad.push_back(
        {[] { cross_entropy_loss(zeros({2, 3}), zeros({2}, DType::i64), {.label_smoothing = 1}); },
         "cross_entropy_loss: label_smoothing is 1, expected [0, 1)"});
    return c;
  }();
  return cases;
}

}  // namespace suan
