// Cases of concat and stack.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/concat.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_concat() {
  const auto along = [](int64_t axis) -> Build {
    return [=](const Tensors& x) { return concat(x, axis); };
  };
  static const OpCases cases{
      .cases =
          {
              {"rows", {real({2, 3}), real({1, 3}), real({3, 3})}, along(0), {.integers = true}},
              {"columns",
               {given({2, 1}, {1, 2}), given({2, 2}, {3, 4, 5, 6})},
               along(-1),
               {.expected = {1, 3, 4, 2, 5, 6}}},
              {"middle", {real({2, 1, 3}), real({2, 2, 3})}, along(1), {.integers = true}},
              {"an empty part", {real({2, 0}), real({2, 3})}, along(1)},
              {"twice the same",
               {real({2, 2})},
               [](const Tensors& x) { return concat({x[0], x[0]}); }},
              {"two dtypes", {real({2}), indices({3}, 5, DType::i32)}, along(0)},
              {"stack", {real({2, 3}), real({2, 3})}, [](const Tensors& x) { return stack(x, 1); }},
              {"stack at the end",
               {given({2}, {1, 2}), given({2}, {3, 4})},
               [](const Tensors& x) { return stack(x, -1); },
               {.expected = {1, 3, 2, 4}}},
          },
      .bad = {{[] { concat({}); }, "concat: got no tensors"},
              {[] { concat({zeros({2, 3}), zeros({2, 4})}); },
               "concat: shapes [2, 3] and [2, 4] do not fit along axis 0"},
              {[] { concat({zeros({2, 3}), zeros({2})}); },
               "concat: shapes [2, 3] and [2] do not fit along axis 0"},
              {[] { concat({zeros({2}), zeros({2})}, 1); },
               "concat: axis 1 is out of range for rank 1"},
              {[] { stack({}); }, "stack: got no tensors"},
              {[] { stack({zeros({2}), zeros({3})}); },
               "stack: got shapes [2] and [3], expected the same"}},
  };
  return cases;
}

}  // namespace suan
