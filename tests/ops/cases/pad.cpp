// Cases of pad.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pad.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_pad() {
  using List = std::vector<int64_t>;
  const auto with = [](List begin, List end, double value) -> Build {
    return [=](const Tensors& x) { return pad(x[0], begin, end, value); };
  };
  const auto by = [](List begin, List end, PadMode mode) -> Build {
    return [=](const Tensors& x) { return pad(x[0], begin, end, mode); };
  };
  static const OpCases cases{
      .cases =
          {
              {"known", {given({2}, {1, 2})}, with({1}, {2}, 7), {.expected = {7, 1, 2, 7, 7}}},
              {"two axes", {real({2, 3})}, with({0, 1}, {2, 0}, 0), {.integers = true}},
              {"three axes", {real({2, 1, 3})}, with({1, 0, 2}, {0, 1, 1}, -1)},
              {"from empty", {real({0})}, with({1}, {1}, 2), {.expected = {2, 2}}},
              {"constant mode", {real({3})}, by({1}, {0}, PadMode::constant)},
              {"reflect",
               {given({3}, {1, 2, 3})},
               by({2}, {2}, PadMode::reflect),
               {.expected = {3, 2, 1, 2, 3, 2, 1}}},
              {"reflect two axes", {real({3, 4})}, by({1, 3}, {2, 0}, PadMode::reflect)},
              {"edge",
               {given({2}, {1, 2})},
               by({2}, {1}, PadMode::edge),
               {.expected = {1, 1, 1, 2, 2}}},
              {"edge of rows", {real({2, 3})}, by({0, 0}, {3, 0}, PadMode::edge)},
          },
      .bad = {{[] { pad(zeros({2, 3}), {1}, {1}); },
               "pad: got 1 and 1 entries, expected 2 of each"},
              {[] { pad(zeros({2}), {-1}, {1}); },
               "pad: got -1 and 1 for axis 0, expected at least 0"},
              {[] { pad(zeros({3}), {3}, {0}, PadMode::reflect); },
               "pad: axis 0 of [3] is too short to be padded by 3 and 0 elements of its own"},
              {[] { pad(zeros({0}), {1}, {0}, PadMode::edge); },
               "pad: axis 0 of [0] is too short to be padded by 1 and 0 elements of its own"}},
  };
  return cases;
}

}  // namespace suan
