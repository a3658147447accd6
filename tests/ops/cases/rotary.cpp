// Cases of rotary position embedding.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/rotary.h"

#include <cmath>

#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_rotary() {
  // Tables of f32 (f64 where x is), or of x's own dtype.
  const auto call = [](bool interleaved, bool exact = true) -> Build {
    return [=](const Tensors& x) {
      const DType dtype = exact ? wide(x[0].dtype()) : x[0].dtype();
      return rotary(x[0], cast(x[1], dtype), cast(x[2], dtype), {interleaved});
    };
  };
  static const OpCases cases{
      .cases = {{"halves", {real({2, 3, 4, 6}), real({4, 3}), real({4, 3})}, call(false)},
                {"neighbours", {real({2, 3, 4, 6}), real({4, 3}), real({4, 3})}, call(true)},
                {"part of the row",
                 {real({3, 5, 8}), real({3, 1, 2}), real({3, 1, 2})},
                 call(false)},
                {"part, neighbours", {real({3, 5, 8}), real({5, 3}), real({5, 3})}, call(true)},
                {"long", {real({2, 5, 76}), real({5, 37}), real({5, 37})}, call(false)},
                {"long, neighbours", {real({2, 5, 76}), real({5, 37}), real({5, 37})}, call(true)},
                {"many rows",
                 {real({3, 100, 4, 64}), real({3, 100, 1, 32}), real({3, 100, 1, 32})},
                 call(false),
                 {.gradient = false}},
                {"own dtype",
                 {real({2, 4, 6}), real({4, 3}), real({4, 3})},
                 call(false, false),
                 {.tolerance = 2}},
                {"one row", {real({4}), real({2}), real({2})}, call(true)},
                {"quarter turns",
                 {given({5}, {1, 2, 3, 4, 5}), given({2}, {0, -1}), given({2}, {1, 0})},
                 call(false),
                 {.expected = {-3, -2, 1, -4, 5}}},
                {"quarter turns of neighbours",
                 {given({5}, {1, 2, 3, 4, 5}), given({2}, {0, -1}), given({2}, {1, 0})},
                 call(true),
                 {.expected = {-2, 1, -3, -4, 5}}}},
      .bad = {{[] { rotary(zeros({2, 4}, DType::i32), zeros({2}), zeros({2})); },
               "rotary: x is i32[2, 4], expected a float with an axis"},
              {[] { rotary(zeros({2, 4}), zeros({2}, DType::f64), zeros({2})); },
               "rotary: cos and sin are f64 and f32, expected both f32"},
              {[] { rotary(zeros({2, 4}), zeros({3}), zeros({3})); },
               "rotary: cos [3] and sin [3] do not fit x [2, 4]"},
              {[] { rotary(zeros({2, 4}), zeros({3, 2}), zeros({3, 2})); },
               "rotary: cos [3, 2] and sin [3, 2] do not fit x [2, 4]"},
              {[] { rotary(zeros({2, 4}), zeros({2}), zeros({1})); },
               "rotary: cos [2] and sin [1] do not fit x [2, 4]"}},
  };
  return cases;
}

const OpCases& cases_rotary_embedding() {
  const auto call = [](RotaryOptions o) -> Build {
    return [=](const Tensors& x) { return rotary_embedding(x[0], x[1], o); };
  };
  static const OpCases cases{
      .cases = {{"llama", {real({2, 3, 4, 6}), indices({4}, 50)}, call({})},
                {"interleaved",
                 {real({2, 3, 4, 6}), indices({4}, 50)},
                 call({.interleaved = true})},
                {"positions of each row", {real({2, 3, 4, 6}), indices({2, 4}, 50)}, call({})},
                {"heads inside",
                 {real({2, 4, 3, 6}), indices({2, 4}, 50, DType::i32)},
                 call({.heads_inside = true})},
                {"part", {real({2, 3, 4, 6}), indices({4}, 50)}, call({.dims = 4, .base = 100})},
                {"known",
                 {given({1, 1, 2, 4}, {1, 2, 3, 4, 1, 2, 3, 4}), given({2}, {0, 3}, DType::i64)},
                 call({}),
                 {.expected = {1, 2, 3, 4, std::cos(3.0) - 3 * std::sin(3.0),
                               2 * std::cos(0.03) - 4 * std::sin(0.03),
                               3 * std::cos(3.0) + std::sin(3.0),
                               4 * std::cos(0.03) + 2 * std::sin(0.03)}}}},
      .bad = {{[] { rotary_embedding(zeros({2, 3}), zeros({3}, DType::i64)); },
               "rotary_embedding: got shape [2, 3], expected 4 axes"},
              {[] { rotary_embedding(zeros({2, 3, 4, 6}), zeros({3}, DType::i64)); },
               "rotary_embedding: positions are i64[3], expected integers [4] or [2, 4]"},
              {[] { rotary_embedding(zeros({2, 3, 4, 6}), zeros({4})); },
               "rotary_embedding: positions are f32[4], expected integers [4] or [2, 4]"},
              {[] { rotary_embedding(zeros({2, 3, 4, 6}), zeros({4}, DType::i64), {.dims = 3}); },
               "rotary_embedding: dims is 3, expected an even number from 2 to 6"},
              {[] { rotary_embedding(zeros({2, 3, 4, 6}), zeros({4}, DType::i64), {.base = 0}); },
               "rotary_embedding: base is 0, expected a positive number"}},
  };
  return cases;
}

}  // namespace suan
