// Cases of split.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/split.h"

#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_split() {
  static const OpCases cases{
      .cases =
          {
              {"rows",
               {given({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})},
               [](const Tensors& x) { return split(x[0], {1, 3}); },
               {.integers = true, .expected = {1, 2, 3, 4, 5, 6, 7, 8}}},
              {"columns",
               {given({2, 3}, {1, 2, 3, 4, 5, 6})},
               [](const Tensors& x) { return split(x[0], {2, 1}, -1); },
               {.expected = {1, 2, 4, 5, 3, 6}}},
              {"an empty part",
               {real({3, 5, 2})},
               [](const Tensors& x) { return split(x[0], {2, 0, 3}, 1); }},
              {"one part is used",
               {real({3, 5})},
               [](const Tensors& x) { return square(split(x[0], {2, 2, 1}, 1)[1]); }},
              {"one part", {real({3})}, [](const Tensors& x) { return split(x[0], {3}); }},
          },
      .bad = {{[] { split(zeros({2, 3}), {1, 1}, 1); },
               "split: sizes [1, 1] do not add up to axis 1 of [2, 3]"},
              {[] { split(zeros({2, 3}), {4, -1}, 1); },
               "split: sizes [4, -1] do not add up to axis 1 of [2, 3]"},
              {[] { split(zeros({2, 3}), {}, 1); },
               "split: sizes [] do not add up to axis 1 of [2, 3]"},
              {[] { split(zeros({2, 3}), {1, 1}, 2); },
               "split: axis 2 is out of range for rank 2"}},
  };
  return cases;
}

}  // namespace suan
