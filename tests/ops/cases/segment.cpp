// Cases of the segment reductions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/segment.h"

#include <cmath>

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

using Segment = Tensor (*)(const Tensor&, const Tensor&, int64_t);

// What all have in common; `expected` of rows {1, -2, 3, 0.5} in segments {2, 0, 2, 0} of 4.
OpCases segment_cases(Segment f, const std::string& op, std::vector<double> expected,
                      const std::string& scattering) {
  const auto into = [f](int64_t count) -> Build {
    return [=](const Tensors& x) { return f(x[0], x[1], count); };
  };
  return {
      .cases =
          {{"rows", {distinct({6, 3}), indices({6}, 4)}, into(4)},
           {"numbers", {distinct({9}), indices({9}, 3, DType::i32)}, into(3)},
           {"many axes", {distinct({5, 2, 3}), indices({5}, 2)}, into(2)},
           {"many rows", {distinct({300, 40}), indices({300}, 20)}, into(25), {.tolerance = 4}},
           {"wide", {distinct({20, 600}), indices({20}, 6)}, into(6), {.tolerance = 4}},
           {"known",
            {given({4}, {1, -2, 3, 0.5}), given({4}, {2, 0, -2, 0}, DType::i64)},
            into(4),
            {.gradient = false, .expected = std::move(expected)}},
           {"no rows", {real({0, 3}), indices({0}, 2)}, into(2)}},
      .bad = {{[f] { f(zeros({2}), zeros({2}), 1); }, op + ": ids are f32, expected i64 or i32"},
              {[f] { f(zeros({2, 3}), zeros({3}, DType::i64), 1); },
               op + ": got [2, 3] and ids [3], expected [n, ...] and [n]"},
              {[f] { f(zeros({2}), zeros({2}, DType::i64), -1); },
               op + ": count is -1, expected 0 or more"},
              {[f] { f(zeros({2}), full(3, {2}, DType::i64), 3).array(); },
               scattering + ": index 3 at position 0 is outside [-3, 3)", ErrorCode::kOutOfRange}},
  };
}

}  // namespace

const OpCases& cases_segment_sum() {
  static const OpCases cases =
      segment_cases(segment_sum, "segment_sum", {-1.5, 0, 4, 0}, "scatter");
  return cases;
}
const OpCases& cases_segment_mean() {
  static const OpCases cases = [] {
    OpCases c = segment_cases(segment_mean, "segment_mean", {-0.75, 0, 2, 0}, "scatter");
    c.bad.push_back({[] { segment_mean(zeros({2}, DType::i32), zeros({2}, DType::i64), 1); },
                     "segment_mean: got i32, expected a float"});
    return c;
  }();
  return cases;
}
const OpCases& cases_segment_max() {
  static const OpCases cases = [] {
    OpCases c = segment_cases(segment_max, "segment_max", {0.5, 0, 3, 0}, "segment_max");
    c.cases[0].checks.integers = true;
    c.cases.push_back({"NaN wins, ties",
                       {given({5}, {NAN, 1, 2, 2, NAN}), given({5}, {0, 0, 1, 1, 0}, DType::i64)},
                       [](const Tensors& x) { return segment_max(x[0], x[1], 2); },
                       {.gradient = false, .expected = {NAN, 2}}});
    return c;
  }();
  return cases;
}
const OpCases& cases_segment_softmax() {
  static const OpCases cases = [] {
    const double a = 1 / (1 + std::exp(2.0)), b = 1 / (1 + std::exp(2.5));
    OpCases c =
        segment_cases(segment_softmax, "segment_softmax", {a, b, 1 - a, 1 - b}, "segment_max");
    c.bad.push_back({[] { segment_softmax(zeros({2}, DType::i32), zeros({2}, DType::i64), 1); },
                     "segment_softmax: got i32, expected a float"});
    c.cases.push_back(
        {"large numbers",
         {given({2}, {1000, 999}), given({2}, {0, 0}, DType::i64)},
         [](const Tensors& x) { return segment_softmax(x[0], x[1], 1); },
         {.gradient = false, .expected = {1 / (1 + std::exp(-1.0)), 1 / (1 + std::exp(1.0))}}});
    return c;
  }();
  return cases;
}

}  // namespace suan
