// Cases of the ops whose positions come from data.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/gather.h"

#include <cmath>

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

Tensor of(std::initializer_list<int64_t> values) {
  return Tensor::of<int64_t>(values, {static_cast<int64_t>(values.size())});
}
constexpr ErrorCode kOut = ErrorCode::kOutOfRange;

}  // namespace

const OpCases& cases_gather() {
  const auto along = [](int64_t axis) -> Build {
    return [=](const Tensors& x) { return gather(x[0], x[1], axis); };
  };
  static const OpCases cases{
      .cases =
          {
              {"embedding", {real({5, 3}), indices({2, 4}, 5)}, along(0), {.integers = true}},
              {"narrow indices", {real({5, 3}), indices({4}, 5, DType::i32)}, along(0)},
              {"known",
               {given({3}, {10, 20, 30}), given({4}, {2, -1, 0, -3}, DType::i64)},
               along(0),
               {.expected = {30, 30, 10, 10}}},
              {"last axis", {real({2, 3, 4}), indices({3}, 4)}, along(-1), {.integers = true}},
              {"middle axis", {real({2, 3, 4}), indices({2, 2}, 3)}, along(1)},
              {"one index", {real({3, 2}), indices({}, 3)}, along(0)},
              {"no index", {real({3, 2}), indices({0}, 3)}, along(0)},
          },
      .bad = {{[] { gather(zeros({2, 3}), of({0}), 2); },
               "gather: axis 2 is out of range for rank 2"},
              {[] { gather(zeros({2, 3}), zeros({2})); },
               "gather: indices are f32, expected i64 or i32"},
              {[] { gather(zeros({2, 3}), of({1, 2})).array(); },
               "gather: index 2 at position 1 is outside [-2, 2)", kOut},
              {[] { gather(zeros({2, 3}), of({-4}), 1).array(); },
               "gather: index -4 at position 0 is outside [-3, 3)", kOut},
              {[] { gather(zeros({0, 3}), of({0})).array(); },
               "gather: index 0 at position 0 is outside [0, 0)", kOut}},
  };
  return cases;
}

const OpCases& cases_scatter() {
  const auto call = [](int64_t axis, Combine combine) -> Build {
    return [=](const Tensors& x) { return scatter(x[0], x[1], x[2], axis, combine); };
  };
  static const OpCases cases{
      .cases =
          {
              {"repeats add up",
               {given({3}, {1, 1, 1}), given({4}, {0, 2, 0, -1}, DType::i64),
                given({4}, {1, 2, 3, 4})},
               call(0, Combine::add),
               {.expected = {5, 1, 7}}},
              {"rows",
               {real({4, 3}), indices({5}, 4), real({5, 3})},
               call(0, Combine::add),
               {.integers = true}},
              {"columns",
               {real({2, 4}), indices({2, 3}, 4), real({2, 2, 3})},
               call(-1, Combine::add)},
              {"set",
               {real({4, 3}), given({2}, {3, 1}, DType::i32), real({2, 3})},
               call(0, Combine::set),
               {.integers = true}},
              {"the last of equal indices wins",
               {given({2}, {1, 1}), given({3}, {0, 0, 0}, DType::i64), given({3}, {5, 6, 7})},
               call(0, Combine::set),
               {.gradient = false, .expected = {7, 1}}},
              {"set in the middle",
               {real({2, 3, 2}), given({2}, {2, 0}, DType::i64), real({2, 2, 2})},
               call(1, Combine::set)},
              {"multiply",
               {real({4, 3}), indices({5}, 4), real({5, 3})},
               call(0, Combine::mul),
               {.integers = true}},
              {"largest",
               {distinct({3, 2}), given({4}, {0, 2, 0, -1}, DType::i64), distinct({4, 2})},
               call(0, Combine::max),
               {.gradient = false, .integers = true}},
              {"smallest in the middle",
               {given({2, 3, 1}, {1, 2, 3, 4, 5, 6}), given({2}, {2, 0}, DType::i64),
                given({2, 2, 1}, {2, 9, 8, -1})},
               call(1, Combine::min)},
              {"NaN wins",
               {given({3}, {1, NAN, 1}), given({3}, {0, 1, 2}, DType::i64),
                given({3}, {NAN, 2, 2})},
               call(0, Combine::max),
               {.gradient = false, .expected = {NAN, NAN, 2}}},
          },
      .bad = {{[] { scatter(zeros({3, 2}), of({0}), zeros({2, 2})); },
               "scatter: updates are [2, 2], expected [1, 2]"},
              {[] { scatter(zeros({3}), of({0}), zeros({1}, DType::f64)); },
               "scatter: got dtypes f32 and f64, expected the same"},
              {[] { scatter(zeros({3}), of({0, 3}), ones({2})).array(); },
               "scatter: index 3 at position 1 is outside [-3, 3)", kOut},
              {[] { scatter(zeros({3}), of({-4}), ones({1}), 0, Combine::set).array(); },
               "scatter: index -4 at position 0 is outside [-3, 3)", kOut}},
  };
  return cases;
}

const OpCases& cases_take_along_axis() {
  const auto along = [](int64_t axis) -> Build {
    return [=](const Tensors& x) { return take_along_axis(x[0], x[1], axis); };
  };
  static const OpCases cases{
      .cases =
          {
              {"known",
               {given({2, 2}, {1, 2, 3, 4}), given({2, 2}, {0, 0, 1, -2}, DType::i64)},
               along(1),
               {.expected = {1, 1, 4, 3}}},
              {"first axis", {real({4, 3}), indices({2, 3}, 4)}, along(0), {.integers = true}},
              {"narrower", {real({3, 4, 2}), indices({2, 5, 1}, 4, DType::i32)}, along(-2)},
          },
      .bad = {{[] { take_along_axis(zeros({2, 3}), of({0}), 0); },
               "take_along_axis: indices [1] do not fit into [2, 3] along axis 0"},
              {[] { take_along_axis(zeros({2}), of({1, 5}), 0).array(); },
               "take_along_axis: index 5 at position 1 is outside [-2, 2)", kOut}},
  };
  return cases;
}

const OpCases& cases_put_along_axis() {
  const auto call = [](int64_t axis, Combine combine) -> Build {
    return [=](const Tensors& x) { return put_along_axis(x[0], x[1], x[2], axis, combine); };
  };
  static const OpCases cases{
      .cases =
          {
              {"add",
               {real({3, 4}), indices({2, 5}, 4), real({2, 5})},
               call(1, Combine::add),
               {.integers = true}},
              {"add along the first axis",
               {real({4, 2}), indices({3, 2}, 4), real({3, 2})},
               call(0, Combine::add)},
              {"set",
               {real({2, 3}), given({2, 2}, {0, 2, -1, 1}, DType::i64), real({2, 2})},
               call(-1, Combine::set),
               {.integers = true}},
              {"known",
               {given({1, 3}, {1, 2, 3}), given({1, 2}, {1, 1}, DType::i64),
                given({1, 2}, {10, 20})},
               call(1, Combine::add),
               {.expected = {1, 32, 3}}},
              {"multiply",
               {given({1, 3}, {1, 2, 3}), given({1, 2}, {1, 1}, DType::i64),
                given({1, 2}, {10, 20})},
               call(1, Combine::mul),
               {.expected = {1, 400, 3}}},
              {"multiply by 0",
               {given({3}, {1, 2, 3}), given({2}, {1, 0}, DType::i64), given({2}, {0, 5})},
               call(0, Combine::mul),
               {.expected = {5, 0, 3}}},
              {"largest", {real({3, 4}), indices({3, 3}, 4), real({3, 3})}, call(1, Combine::max)},
              {"smallest",
               {real({4, 2}), indices({5, 2}, 4), real({5, 2})},
               call(0, Combine::min),
               {.integers = true}},
          },
      .bad = {{[] { put_along_axis(zeros({2}), of({0, 1}), zeros({1}), 0); },
               "put_along_axis: updates are [1], expected [2]"},
              {[] { put_along_axis(zeros({2}), of({-3}), zeros({1}), 0).array(); },
               "put_along_axis: index -3 at position 0 is outside [-2, 2)", kOut}},
  };
  return cases;
}

}  // namespace suan
