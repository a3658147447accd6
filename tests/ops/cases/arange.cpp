// Cases of arange and one_hot.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/arange.h"

#include <cmath>

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_arange() {
  static const OpCases cases{
      .cases =
          {
              {"count", {}, [](const Tensors&) { return arange(4); }, {.expected = {0, 1, 2, 3}}},
              {"steps",
               {},
               [](const Tensors&) { return arange(1, -0.5, 3, DType::f32); },
               {.expected = {1, 0.5, 0}}},
              {"none", {}, [](const Tensors&) { return arange(0, DType::i32); }},
              {"one hot",
               {given({4}, {2, 0, -1, 3}, DType::i64)},
               [](const Tensors& x) { return one_hot(x[0], 3); },
               {.gradient = false, .expected = {0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}}},
              {"one hot in front",
               {given({2}, {1, 0}, DType::i32)},
               [](const Tensors& x) { return one_hot(x[0], 3, 0, DType::i64); },
               {.gradient = false, .expected = {0, 1, 1, 0, 0, 0}}},
          },
      .bad = {{[] { arange(-1); }, "arange: count is -1, expected at least 0"},
              {[] { arange(0, NAN, 3); },
               "arange: got start 0 and step nan, expected finite numbers"},
              {[] { arange(3, DType::boolean); }, "arange: got bool, expected numbers"},
              {[] { one_hot(zeros({2}), 3); }, "one_hot: indices are f32, expected integers"},
              {[] { one_hot(zeros({2}, DType::i64), 3, 2); },
               "one_hot: axis 2 is out of range for rank 2"}},
  };
  return cases;
}

}  // namespace suan
