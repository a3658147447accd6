// Cases of the ops that only move elements.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/shape_ops.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_reshape() {
  const auto to = [](Shape shape) -> Build {
    return [=](const Tensors& x) { return reshape(x[0], shape); };
  };
  static const OpCases cases{
      .cases =
          {
              {"merge", {real({2, 3, 2})}, to({6, 2}), {.integers = true}},
              {"to scalar", {real({1, 1})}, to({})},
              {"unknown size", {real({4, 3})}, to({2, -1}), {.integers = true}},
              {"flatten", {real({2, 3, 2})}, [](const Tensors& x) { return flatten(x[0]); }},
              {"empty", {real({0, 3})}, to({3, 0, 2})},
          },
      .bad = {{[] { reshape(zeros({2, 3}), {4}); }, "reshape: [2, 3] has 6 elements, [4] has 4"},
              {[] { reshape(zeros({2, 3}), {4, -1}); },
               "reshape: cannot work out -1 in 6 elements to [4, -1]"},
              {[] { reshape(zeros({2, 3}), {-1, -1}); },
               "reshape: cannot work out -1 in 6 elements to [-1, -1]"}},
  };
  return cases;
}

const OpCases& cases_transpose() {
  const auto by = [](std::vector<int64_t> axes) -> Build {
    return [=](const Tensors& x) { return transpose(x[0], axes); };
  };
  static const OpCases cases{
      .cases =
          {
              {"last two", {real({2, 3, 4})}, by({}), {.integers = true}},
              {"matrix",
               {given({2, 3}, {1, 2, 3, 4, 5, 6})},
               by({1, 0}),
               {.expected = {1, 4, 2, 5, 3, 6}}},
              {"cycle", {real({2, 3, 4})}, by({1, 2, 0}), {.integers = true}},
              {"negative axes", {real({2, 3, 4})}, by({-1, 0, -2})},
              {"rank 5", {real({2, 1, 3, 2, 2})}, by({4, 2, 0, 3, 1})},
              {"empty", {real({0, 3})}, by({1, 0})},
          },
      .bad = {{[] { transpose(zeros({2, 3}), {0, 0}); },
               "transpose: axes [0, 0] do not permute shape [2, 3]"},
              {[] { transpose(zeros({2, 3}), {0}); },
               "transpose: axes [0] do not permute shape [2, 3]"},
              {[] { transpose(zeros({2, 3}), {0, 2}); },
               "transpose: axis 2 is out of range for rank 2"}},
  };
  return cases;
}

const OpCases& cases_broadcast_to() {
  const auto to = [](Shape shape) -> Build {
    return [=](const Tensors& x) { return broadcast_to(x[0], shape); };
  };
  static const OpCases cases{
      .cases =
          {
              {"new axes", {real({3})}, to({2, 2, 3}), {.integers = true}},
              {"size 1", {real({2, 1, 3})}, to({2, 4, 3}), {.integers = true}},
              {"scalar", {real({})}, to({2, 3})},
              {"to empty", {real({1, 3})}, to({0, 3})},
          },
      .bad = {{[] { broadcast_to(zeros({2}), {2, 3}); },
               "broadcast_to: [2] does not broadcast to [2, 3]"}},
  };
  return cases;
}

const OpCases& cases_stop_gradient() {
  static const OpCases cases{
      .cases = {{"no gradient passes",
                 {real({2, 3})},
                 [](const Tensors& x) { return stop_gradient(x[0]); },
                 {.gradient = false, .integers = true}}},
  };
  return cases;
}

}  // namespace suan
