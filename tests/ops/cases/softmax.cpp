// Cases of softmax, its logarithm and cross-entropy.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/softmax.h"

#include "suan/ops/cross_entropy.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

OpCases line_cases(Tensor (*f)(const Tensor&, int64_t), const std::string& op) {
  const auto along = [f](int64_t axis) -> Build {
    return [=](const Tensors& x) { return f(x[0], axis); };
  };
  return {
      .cases =
          {{"last axis", {real({3, 5})}, along(-1)},
           {"first axis", {real({4, 3})}, along(0)},
           {"middle axis", {real({2, 4, 3})}, along(1)},
           {"one class", {real({3, 1})}, along(-1)},
           {"long line", {real({2, 70})}, along(1)},
           {"large values", {given({1, 3}, {1000, 999, -1000})}, along(1), {.gradient = false}}},
      .bad = {{[f] { f(zeros({2, 3}), 5); }, op + ": axis 5 is out of range for shape [2, 3]"},
              {[f] { f(zeros({2, 3}, DType::i32), 0); }, op + ": got i32, expected a float"}},
  };
}

}  // namespace

const OpCases& cases_softmax() {
  static const OpCases cases = line_cases(softmax, "softmax");
  return cases;
}
const OpCases& cases_log_softmax() {
  static const OpCases cases = line_cases(log_softmax, "log_softmax");
  return cases;
}

const OpCases& cases_cross_entropy() {
  const auto call = [](CrossEntropyAttrs a) -> Build {
    return [=](const Tensors& x) { return cross_entropy(x[0], x[1], a); };
  };
  static const OpCases cases{
      .cases =
          {
              {"labels", {real({4, 5}), indices({4}, 5)}, call({})},
              {"narrow labels", {real({4, 5}), indices({4}, 5, DType::i32)}, call({})},
              {"rows of two axes", {real({2, 3, 4}), indices({2, 3}, 4)}, call({})},
              {"one row", {real({3}), indices({}, 3)}, call({})},
              {"smoothing", {real({4, 5}), indices({4}, 5)}, call({.label_smoothing = 0.1})},
              {"ignored rows",
               {real({4, 3}), given({4}, {0, -100, 2, -100}, DType::i64)},
               call({})},
              {"another ignored label",
               {real({4, 3}), given({4}, {0, 1, 2, 1}, DType::i64)},
               call({.label_smoothing = 0.2, .ignore_index = 1})},
              {"known",
               {given({1, 2}, {0, 0}), given({1}, {1}, DType::i64)},
               call({}),
               {.expected = {0.6931471805599453}}},
              {"slope",
               {real({3, 4}), indices({3}, 4)},
               [](const Tensors& x) { return Tensor(cross_entropy(x[0], x[1]).node_ptr(), 1); },
               {.second_gradient = false}},
          },
      .bad =
          {{[] { cross_entropy(zeros({2, 3}), zeros({3}, DType::i64)); },
            "cross_entropy: logits [2, 3] and labels [3] do not fit, expected [rows..., classes] "
            "and [rows...]"},
           {[] { cross_entropy(zeros({2, 3}), zeros({2})); },
            "cross_entropy: labels are f32, expected i64 or i32"},
           {[] { cross_entropy(zeros({2, 3}), zeros({2}, DType::i64), {.label_smoothing = 1}); },
            "cross_entropy: label_smoothing is 1, expected [0, 1)"},
           {[] { cross_entropy(zeros({2, 3}), full(3, {2}, DType::i64)).array(); },
            "cross_entropy: label 3 at row 0 is outside [0, 3)", ErrorCode::kOutOfRange},
           {[] { cross_entropy(zeros({2, 3}), full(-1, {2}, DType::i32)).array(); },
            "cross_entropy: label -1 at row 0 is outside [0, 3)", ErrorCode::kOutOfRange}},
  };
  return cases;
}

}  // namespace suan
