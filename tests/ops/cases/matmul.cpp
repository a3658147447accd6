// Cases of matmul.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/matmul.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_matmul() {
  const auto call = [](bool ta, bool tb) -> Build {
    return [=](const Tensors& x) { return matmul(x[0], x[1], ta, tb); };
  };
  static const OpCases cases{
      .cases =
          {
              {"matrices", {real({3, 5}), real({5, 2})}, call(false, false), {.integers = true}},
              {"transposed a", {real({5, 3}), real({5, 2})}, call(true, false)},
              {"transposed b", {real({3, 5}), real({2, 5})}, call(false, true)},
              {"both transposed", {real({5, 3}), real({2, 5})}, call(true, true)},
              {"known",
               {given({2, 2}, {1, 2, 3, 4}), given({2, 2}, {5, 6, 7, 8})},
               call(false, false),
               {.expected = {19, 22, 43, 50}}},
              {"exact",
               {real({3, 5}), real({5, 2})},
               [](const Tensors& x) { return matmul(x[0], x[1], {.exact = true}); }},
              {"of whole numbers in TF32",
               {whole({3, 5}, -8, 8, DType::f32), whole({5, 2}, -8, 8, DType::f32)},
               [](const Tensors& x) { return matmul(x[0], x[1], {.tf32 = true}); },
               {.gradient = false}},
              {"batch", {real({2, 3, 4}), real({2, 4, 2})}, call(false, false), {.integers = true}},
              {"batch, transposed", {real({2, 4, 3}), real({2, 2, 4})}, call(true, true)},
              {"rows of all leading axes", {real({2, 3, 4}), real({4, 2})}, call(false, false)},
              {"transposed a, one b", {real({2, 4, 3}), real({4, 2})}, call(true, false)},
              {"one a, batch of b", {real({3, 4}), real({2, 4, 2})}, call(false, false)},
              {"broadcast batches", {real({2, 1, 2, 3}), real({3, 3, 2})}, call(false, false)},
              {"broadcast, transposed", {real({2, 1, 3, 2}), real({3, 2, 3})}, call(true, true)},
              {"vector on the left", {real({4}), real({2, 4, 3})}, call(false, false)},
              {"vector on the right", {real({2, 3, 4}), real({4})}, call(false, false)},
              {"two vectors", {real({4}), real({4})}, call(false, false)},
              {"linear",
               {real({2, 3, 4}), real({5, 4}), real({5})},
               [](const Tensors& x) { return linear(x[0], x[1], x[2]); }},
              {"wide", {real({7, 33}), real({33, 18})}, call(false, false), {.tolerance = 2}},
              {"no rows", {real({0, 3}), real({3, 2})}, call(false, false)},
              {"nothing to add up",
               {real({2, 0}), real({0, 2})},
               call(false, false),
               {.expected = {0, 0, 0, 0}}},
          },
      .bad = {{[] { matmul(zeros({2, 3}), zeros({4, 2})); },
               "matmul: inner sizes differ: 3 and 4 (shapes [2, 3] and [4, 2])"},
              {[] { matmul(zeros({}), zeros({4, 2})); },
               "matmul: got shapes [] and [4, 2], expected rank 1 or more"},
              {[] { matmul(zeros({2, 1, 3}), zeros({3, 3, 1})); },
               "matmul: shapes [2] and [3] do not broadcast"}},
  };
  return cases;
}

}  // namespace suan
