// Cases of the ops along one axis: argmax, argmin, cumsum, top_k.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "suan/ops/argmax.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/leaf.h"
#include "suan/ops/top_k.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

using ArgFunction = Tensor (*)(const Tensor&, int64_t, bool);

OpCases arg_cases(ArgFunction f, const std::string& op, std::vector<double> ties,
                  std::vector<double> infinities) {
  const auto along = [f](int64_t axis, bool keep) -> Build {
    return [=](const Tensors& x) { return f(x[0], axis, keep); };
  };
  OpCases c{
      .cases = {{"last axis", {distinct({3, 5})}, along(-1, false)},
                {"first axis, kept", {distinct({4, 3})}, along(0, true)},
                {"middle axis", {distinct({2, 4, 3})}, along(1, false)},
                {"one element", {distinct({3, 1})}, along(1, true)},
                {"long line", {distinct({2, 70})}, along(1, false)},
                {"the first of equals",
                 {given({2, 4}, {1, 3, 3, 1, 2, 2, 2, 2})},
                 along(1, false),
                 {.expected = std::move(ties)}},
                {"NaN wins",
                 {given({2, 3}, {1, NAN, NAN, NAN, 5, -5})},
                 along(1, false),
                 {.expected = {1, 0}}},
                {"infinities",
                 {given({2, 2}, {-INFINITY, INFINITY, INFINITY, 0})},
                 along(1, false),
                 {.expected = std::move(infinities)}}},
      .bad = {{[f] { f(zeros({2, 3}), 2, false); }, op + ": axis 2 is out of range for rank 2"},
              {[f] { f(zeros({2, 0}), -1, false); }, op + ": axis -1 of [2, 0] is empty"},
              {[f] { f(zeros({}), 0, false); }, op + ": axis 0 is out of range for rank 0"}},
  };
  for (OpCase& k : c.cases) {
    k.checks.gradient = false;
    k.checks.integers = k.inputs[0].kind == In::Kind::distinct;
  }
  return c;
}

}  // namespace

const OpCases& cases_argmax() {
  static const OpCases cases = arg_cases(argmax, "argmax", {1, 0}, {1, 0});
  return cases;
}
const OpCases& cases_argmin() {
  static const OpCases cases = arg_cases(argmin, "argmin", {0, 0}, {0, 1});
  return cases;
}

const OpCases& cases_cumsum() {
  const auto along = [](int64_t axis, bool exclusive, bool reverse) -> Build {
    return [=](const Tensors& x) { return cumsum(x[0], axis, exclusive, reverse); };
  };
  static const OpCases cases{
      .cases =
          {
              {"last axis", {real({3, 5})}, along(-1, false, false), {.integers = true}},
              {"first axis", {real({4, 3})}, along(0, false, false)},
              {"middle axis, reverse", {real({2, 4, 3})}, along(1, false, true)},
              {"known",
               {given({4}, {1, 2, 3, 4})},
               along(0, false, false),
               {.expected = {1, 3, 6, 10}}},
              {"exclusive",
               {given({4}, {1, 2, 3, 4})},
               along(0, true, false),
               {.expected = {0, 1, 3, 6}}},
              {"reverse",
               {given({4}, {1, 2, 3, 4})},
               along(0, false, true),
               {.expected = {10, 9, 7, 4}}},
              {"both",
               {given({4}, {1, 2, 3, 4})},
               along(0, true, true),
               {.integers = true, .expected = {9, 7, 4, 0}}},
              {"empty", {real({2, 0})}, along(1, false, false)},
          },
      .bad = {{[] { cumsum(zeros({2}), 1); }, "cumsum: axis 1 is out of range for rank 1"},
              {[] { cumsum(zeros({2}, DType::boolean)); }, "cumsum: got bool, expected numbers"}},
  };
  return cases;
}

const OpCases& cases_top_k() {
  const auto call = [](int64_t k, int64_t axis, bool largest) -> Build {
    return [=](const Tensors& x) -> Tensors {
      const Sorted s = top_k(x[0], k, axis, largest);
      return {s.values, s.indices};
    };
  };
  const auto sorted = [](int64_t axis, bool descending) -> Build {
    return [=](const Tensors& x) -> Tensors {
      const Sorted s = sort(x[0], axis, descending);
      return {s.values, s.indices};
    };
  };
  static const OpCases cases{
      .cases =
          {
              {"largest", {distinct({3, 6})}, call(2, -1, true), {.integers = true}},
              {"smallest of columns", {distinct({5, 2})}, call(3, 0, false), {.integers = true}},
              {"middle axis", {distinct({2, 4, 3})}, call(2, 1, true)},
              {"none", {distinct({2, 3})}, call(0, 1, true)},
              {"sort", {distinct({2, 7})}, sorted(1, false), {.integers = true}},
              {"sort columns, descending", {distinct({4, 3})}, sorted(0, true)},
              {"values alone",
               {distinct({2, 5})},
               [](const Tensors& x) { return top_k(x[0], 2).values; }},
              {"stable",
               {given({5}, {2, 1, 2, 1, 3})},
               sorted(0, false),
               {.gradient = false, .expected = {1, 1, 2, 2, 3, 1, 3, 0, 2, 4}}},
              {"stable when descending",
               {given({5}, {2, 1, 2, 1, 3})},
               sorted(0, true),
               {.gradient = false, .expected = {3, 2, 2, 1, 1, 4, 0, 2, 1, 3}}},
              {"NaN is larger than all",
               {given({3}, {NAN, INFINITY, -1})},
               sorted(0, false),
               {.gradient = false, .expected = {-1, INFINITY, NAN, 2, 1, 0}}},
          },
      .bad = {{[] { top_k(zeros({2, 3}), 4); },
               "top_k: k is 4, expected 0 to 3, the size of axis -1"},
              {[] { top_k(zeros({2, 3}), -1); },
               "top_k: k is -1, expected 0 to 3, the size of axis -1"},
              {[] { top_k(zeros({2, 3}), 1, 2); }, "top_k: axis 2 is out of range for rank 2"},
              {[] { sort(zeros({}), 0); }, "sort: axis 0 is out of range for rank 0"}},
  };
  return cases;
}

const OpCases& cases_argsort() {
  const auto call = [](int64_t axis, bool descending) -> Build {
    return [=](const Tensors& x) { return argsort(x[0], axis, descending); };
  };
  static const OpCases cases{
      .cases = {{"ascending",
                 {given({4}, {2, 1, 3, 1})},
                 call(0, false),
                 {.gradient = false, .expected = {1, 3, 0, 2}}},
                {"descending columns",
                 {given({2, 2}, {2, 1, 3, 1})},
                 call(0, true),
                 {.gradient = false, .integers = true, .expected = {1, 0, 0, 1}}}},
      .bad = {{[] { argsort(zeros({}), 0); }, "sort: axis 0 is out of range for rank 0"}},
  };
  return cases;
}

}  // namespace suan
