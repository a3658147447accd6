// Cases of the poolings.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/pool.h"

#include <cmath>

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_max_pool() {
  const auto call = [](const PoolAttrs& a) -> Build {
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
             {"dilated",
              {distinct({1, 2, 6, 7})},
              call({.kernel = {2, 3},
                    .stride = {1, 2},
                    .pad_begin = {2, 3},
                    .pad_end = {1, 0},
                    .dilation = {3, 2}})},
             {"dilated lines",
              {given({1, 1, 5}, {5, 1, 4, 2, 3})},
              call({.kernel = {2}, .stride = {1}, .pad_begin = {1}, .dilation = {2}}),
              {.gradient = false, .expected = {1, 5, 2, 4, 2}}},
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
                {[] { max_pool(zeros({1, 2, 3, 3}), {.kernel = {2}, .dilation = {1, 2, 3}}); },
                 "max_pool: dilation has 3 entries, expected 2"},
                {[] { max_pool(zeros({1, 2, 3, 3}), {.kernel = {2}, .dilation = {0}}); },
                 "max_pool: dilation has 0, expected at least 1, and less where windows are large"},
                {[] {
                   max_pool(zeros({1, 2, 1}), {.kernel = {2}, .pad_begin = {2}, .dilation = {3}});
                 },
                 "max_pool: dilation 3 is larger than axis 2 of [1, 2, 1]"},
                {[] { max_pool(zeros({1, 2, 3, 3}), {.kernel = {2, 2, 2}}); },
                 "max_pool: got 3 entries, expected 2"},
                {[] { max_pool(zeros({3, 3}), {}); },
                 "max_pool: got shape [3, 3], expected rank 3, 4 or 5"}},
    };
    for (OpCase& k : c.cases) k.checks.second_gradient = false;  // max_pool_gradient has no rule
    c.unused_attributes = {"count_padding", "size"};
    return c;
  }();
  return cases;
}

const OpCases& cases_max_pool_gradient() {
  const auto call = [](const PoolAttrs& a) -> Build {
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
                 {.gradient = false}},
                {"dilated",
                 {distinct({1, 2, 5, 5}), real({1, 2, 3, 2})},
                 call({.kernel = {3, 2},
                       .stride = {1, 2},
                       .pad_begin = {1, 1},
                       .pad_end = {1, 0},
                       .dilation = {2, 3}}),
                 {.gradient = false}}},
      .bad = {{[=] { call({.kernel = {2}})({zeros({1, 1, 4}), zeros({1, 1, 3})}); },
               "max_pool_gradient: gradient is [1, 1, 3], expected [1, 1, 2]"}},
      .unused_attributes = {"count_padding", "size"},
  };
  return cases;
}

namespace {

// Every attribute varied; `count` says whether padding counts.
std::vector<OpCase> average_cases(bool count) {
  const auto call = [count](PoolAttrs a) -> Build {
    a.count_padding = count;
    return [=](const Tensors& x) { return avg_pool(x[0], a); };
  };
  return {
      {"two by two", {real({2, 3, 4, 6})}, call({.kernel = {2}})},
      {"overlapping", {real({1, 2, 5, 5})}, call({.kernel = {3}, .stride = {1}})},
      {"padded", {real({1, 2, 5, 5})}, call({.kernel = {3}, .stride = {2}, .pad_begin = {1}})},
      {"uneven",
       {real({1, 2, 6, 7})},
       call({.kernel = {2, 3}, .stride = {2, 1}, .pad_begin = {1, 0}, .pad_end = {0, 2}})},
      {"one axis", {real({2, 2, 8})}, call({.kernel = {3}, .pad_begin = {1}})},
      {"three axes", {real({1, 1, 4, 4, 2})}, call({.kernel = {2}, .pad_begin = {1, 0, 1}})},
      {"dilated",
       {real({1, 2, 6, 7})},
       call({.kernel = {2, 3},
             .stride = {1, 2},
             .pad_begin = {2, 3},
             .pad_end = {1, 0},
             .dilation = {3, 2}})},
      {"known",
       {given({1, 1, 4}, {1, 2, 3, 6})},
       call({.kernel = {3}, .stride = {1}, .pad_begin = {1}}),
       {.expected = count ? std::vector<double>{1, 2, 11 / 3.0, 3}
                          : std::vector<double>{1.5, 2, 11 / 3.0, 4.5}}},
  };
}

}  // namespace

const OpCases& cases_avg_pool() {
  static const OpCases cases = [] {
    OpCases c{
        .cases = average_cases(true),
        .bad = {{[] { avg_pool2d(zeros({1, 2, 3, 3}), 4); },
                 "avg_pool: kernel 4 does not fit into [1, 2, 3, 3]"},
                {[] { avg_pool2d(zeros({1, 2, 3, 3}), 2, 2, 2); },
                 "avg_pool: padding must be at least 0 and smaller than the kernel"},
                {[] { avg_pool(zeros({1, 1, 3}), {.kernel = {2}, .size = {3}}); },
                 "avg_pool: size is given, but follows from the input"},
                {[] { avg_pool(zeros({1, 1, 3}, DType::i32), {.kernel = {2}}); },
                 "avg_pool: got i32, expected a float"}},
        .unused_attributes = {"size"},
    };
    for (OpCase& k : average_cases(false)) c.cases.push_back(std::move(k));
    c.cases.push_back({"square", {real({1, 1, 4, 4})}, [](const Tensors& x) {
                         return avg_pool2d(x[0], 3, 2, 1);
                       }});
    return c;
  }();
  return cases;
}

const OpCases& cases_avg_pool_gradient() {
  const auto call = [](const PoolAttrs& a) -> Build {
    return [=](const Tensors& x) { return avg_pool_gradient(x[0], a); };
  };
  static const OpCases cases{
      .cases = {{"known",
                 {given({1, 1, 2}, {6, 4})},
                 call({.kernel = {2}, .size = {5}}),
                 {.expected = {3, 3, 2, 2, 0}}},
                {"overlapping",
                 {real({1, 2, 3, 3})},
                 call({.kernel = {3}, .stride = {1}, .size = {5, 5}})},
                {"padded",
                 {real({1, 2, 3, 4})},
                 call({.kernel = {2, 3},
                       .stride = {2, 1},
                       .pad_begin = {1, 0},
                       .pad_end = {0, 1},
                       .count_padding = false,
                       .size = {5, 5}})},
                {"dilated",
                 {real({1, 2, 3, 2})},
                 call({.kernel = {3, 2},
                       .stride = {1, 2},
                       .pad_begin = {1, 1},
                       .pad_end = {1, 0},
                       .dilation = {2, 3},
                       .count_padding = false,
                       .size = {5, 5}})}},
      .bad = {{[=] { call({.kernel = {2}, .size = {4}})({zeros({1, 1, 3})}); },
               "avg_pool_gradient: gradient is [1, 1, 3], expected [1, 1, 2]"},
              {[=] { call({.kernel = {2}, .size = {0}})({zeros({1, 1, 3})}); },
               "avg_pool_gradient: size has 0, expected 1 to 1099511627776"},
              {[=] { call({.kernel = {2}})({zeros({1, 1, 3})}); },
               "avg_pool_gradient: got gradient [1, 1, 3] and 0 sizes, expected one for each "
               "spatial axis"}},
  };
  return cases;
}

const OpCases& cases_adaptive_avg_pool() {
  const auto call = [](const std::vector<int64_t>& sizes) -> Build {
    return [=](const Tensors& x) { return adaptive_avg_pool(x[0], sizes); };
  };
  static const OpCases cases{
      .cases = {{"even", {real({2, 3, 4, 6})}, call({2, 3})},
                {"uneven", {real({2, 3, 5, 7})}, call({3, 2})},
                {"more than there is", {real({1, 2, 3})}, call({5})},
                {"known",
                 {given({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6})},
                 call({1, 2}),
                 {.expected = {3, 4}}}},
      .bad = {{[] { adaptive_avg_pool(zeros({2, 3}), {1}); },
               "adaptive_avg_pool: got shape [2, 3], expected at least 3 axes"},
              {[] { adaptive_avg_pool(zeros({1, 2, 3}), {1, 1}); },
               "adaptive_avg_pool: got 2 sizes, expected 1"},
              {[] { adaptive_avg_pool(zeros({1, 2, 3}), {0}); },
               "adaptive_avg_pool: got size 0, expected 1 or more"}},
  };
  return cases;
}

const OpCases& cases_global_avg_pool() {
  static const OpCases cases{
      .cases = {{"image",
                 {real({2, 3, 4, 5})},
                 [](const Tensors& x) { return global_avg_pool(x[0]); }}},
      .bad = {{[] { global_avg_pool(zeros({2, 3})); },
               "global_avg_pool: got shape [2, 3], expected at least 3 axes"}},
  };
  return cases;
}

}  // namespace suan
