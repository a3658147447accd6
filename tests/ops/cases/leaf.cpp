// Cases of `full`, and what covers the ops that users do not call.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/leaf.h"

#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_input() {
  static const OpCases cases{.covered_by = "graph/graph_test.cpp"};
  return cases;
}
const OpCases& cases_constant() {
  static const OpCases cases{.covered_by = "graph/graph_test.cpp"};
  return cases;
}
const OpCases& cases_state() {
  static const OpCases cases{.covered_by = "graph/graph_test.cpp"};
  return cases;
}
const OpCases& cases_fused() {
  static const OpCases cases{.covered_by = "passes/*.txt"};
  return cases;
}
const OpCases& cases_reorder() {
  static const OpCases cases{.covered_by = "passes/*.txt"};
  return cases;
}

const OpCases& cases_full() {
  static const OpCases cases{
      .cases = {
          {"scalar", {}, [](const Tensors&) { return full(2.5, {}); }, {.expected = {2.5}}},
          {"tensor",
           {},
           [](const Tensors&) { return full(-1, {2, 2}, DType::f64); },
           {.expected = {-1, -1, -1, -1}}},
          {"integer",
           {},
           [](const Tensors&) { return full(300, {1}, DType::i64); },
           {.expected = {300}}},
          {"literal", {}, [](const Tensors&) { return Tensor(0.5); }, {.expected = {0.5}}},
          {"empty", {}, [](const Tensors&) { return zeros({0, 3}); }},
      }};
  return cases;
}

}  // namespace suan
