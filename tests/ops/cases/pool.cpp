// Cases of the poolings.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pool.h"

#include <cmath>

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_max_pool() {
  const auto call = [](PoolAttrs a) -> Build {
    return [=](const Tensors& x) { return max_pool(x[0], a); };
  };
  static const OpCases cases = [&] {
    OpCases c{
        .cases =
            {{"two by two", {distinct({2, 3, 4, 6})}, call({.kernel = {2}})},
             {"overlapping", {distinct({1, 2, 5, 5})}, call({.kernel = {3}, .stride = {1}})},
             {"padded",
              {distinct({1, 2, 5, 5})},
              call({.kernel = {3}, .stride = {2}, .pad_begin = {1}})},
             {"uneven",
              {distinct({1, 2, 6, 7})},
              call({.kernel = {2, 3}, .stride = {2, 1}, .pad_begin = {1, 0}, .pad_end = {0, 2}})},
             {"one axis", {distinct({2, 2, 8})}, call({.kernel = {3}})},
             {"three axes", {distinct({1, 1, 4, 4, 2})}, call({.kernel = {2}})},
             {"square",
              {distinct({1, 1, 4, 4})},
              [](const Tensors& x) { return max_pool2d(x[0], 3, 2, 1); }},
             {"NaN wins",
              {given({1, 1, 4}, {NAN, 1, 2, 3})},
              call({.kernel = {2}}),
              {.gradient = false, .expected = {NAN, 3}}}},
        .bad = {{[] { max_pool2d(zeros({1, 2, 3, 3}), 4); },
                 "max_pool: kernel 4 does not fit into [1, 2, 3, 3]"},
                {[] { max_pool2d(zeros({1, 2, 3, 3}), 2, 2, 2); },
                 "max_pool: padding must be at least 0 and smaller than the kernel"},
                {[] { max_pool(zeros({1, 2, 3, 3}), {.kernel = {2, 2, 2}}); },
                 "max_pool: got 3 entries, expected 2"},
                {[] { max_pool(zeros({3, 3}), {}); },
                 "max_pool: got shape [3, 3], expected rank 3, 4 or 5"}},
    };
    for (OpCase& k : c.cases) k.checks.second_gradient = false;  // max_pool_gradient has no rule
    return c;
  }();
  return cases;
}

const OpCases& cases_max_pool_gradient() {
  const auto call = [](PoolAttrs a) -> Build {
    return [=](const Tensors& x) {
      return make(op_def(Op::max_pool_gradient), {x[0], x[1]}, complete(a, x[0].rank() - 2, ""));
    };
  };
  static const OpCases cases{
      .cases = {{"first of equals",
                 {given({1, 1, 4}, {2, 2, 1, 3}), given({1, 1, 2}, {5, 7})},
                 call({.kernel = {2}}),
                 {.gradient = false, .expected = {5, 0, 0, 7}}},
                {"overlapping",
                 {distinct({1, 2, 5, 5}), real({1, 2, 3, 3})},
                 call({.kernel = {3}, .stride = {1}}),
                 {.gradient = false}},
                {"padded",
                 {distinct({1, 2, 5, 5}), real({1, 2, 3, 4})},
                 call({.kernel = {2, 3}, .stride = {2, 1}, .pad_begin = {1, 0}, .pad_end = {0, 1}}),
                 {.gradient = false}}},
      .bad = {{[=] { call({.kernel = {2}})({zeros({1, 1, 4}), zeros({1, 1, 3})}); },
               "max_pool_gradient: gradient is [1, 1, 3], expected [1, 1, 2]"}},
  };
  return cases;
}

}  // namespace suan
