// Cases of slice and place, and of what is made of slices.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/slice.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {
std::vector<double> count_to(int n) {
  std::vector<double> out;
  for (int i = 0; i < n; ++i) out.push_back(i);
  return out;
}
}  // namespace

const OpCases& cases_slice() {
  using List = std::vector<int64_t>;
  const auto cut = [](List starts, List ends, List axes, List steps) -> Build {
    return [=](const Tensors& x) { return slice(x[0], starts, ends, axes, steps); };
  };
  static const OpCases cases{
      .cases =
          {
              {"first axes", {real({4, 5})}, cut({1, 2}, {3, 5}, {}, {}), {.integers = true}},
              {"steps",
               {given({10}, count_to(10))},
               cut({1}, {9}, {0}, {3}),
               {.expected = {1, 4, 7}}},
              {"negative step",
               {given({6}, count_to(6))},
               cut({-1}, {-7}, {0}, {-2}),
               {.expected = {5, 3, 1}}},
              {"to the front",
               {given({4}, count_to(4))},
               cut({2}, {INT64_MIN}, {0}, {-1}),
               {.expected = {2, 1, 0}}},
              {"clamped",
               {given({4}, count_to(4))},
               cut({-100}, {100}, {0}, {2}),
               {.expected = {0, 2}}},
              {"step beyond the end",
               {given({4}, count_to(4))},
               cut({1}, {4}, {0}, {INT64_MAX}),
               {.expected = {1}}},
              {"huge negative step",
               {given({4}, count_to(4))},
               cut({3}, {INT64_MIN}, {0}, {INT64_MIN}),
               {.expected = {3}}},
              {"later axis", {real({2, 3, 6})}, cut({1}, {6}, {-1}, {2}), {.integers = true}},
              {"nothing left", {real({2, 3})}, cut({2}, {1}, {1}, {})},
              {"take", {real({2, 3, 2})}, [](const Tensors& x) { return take(x[0], 1, -1); }},
              {"flip all",
               {given({2, 2}, {1, 2, 3, 4})},
               [](const Tensors& x) { return flip(x[0]); },
               {.expected = {4, 3, 2, 1}}},
              {"flip one", {real({2, 3})}, [](const Tensors& x) { return flip(x[0], {1}); }},
          },
      .bad = {{[] { slice(zeros({4}), {0}, {1, 2}); },
               "slice: got 1 starts, 2 ends, 1 axes and 1 steps, expected as many of each"},
              {[] { slice(zeros({4}), {0}, {1}, {1}); },
               "slice: axis 1 is out of range for rank 1"},
              {[] { slice(zeros({4, 4}), {0, 0}, {1, 1}, {0, -2}); },
               "slice: axis -2 is given twice"},
              {[] { slice(zeros({4}), {0}, {1}, {0}, {0}); }, "slice: the step of axis 0 is 0"},
              {[] { make(*find_op("slice"), {zeros({4})}, SliceAttrs{{1}, {3}, {2}}); },
               "slice: start 1, size 3 and step 2 do not fit axis 0 of [4]"},
              {[] { make(*find_op("slice"), {zeros({4})}, SliceAttrs{{1}, {3}, {}}); },
               "slice: got 1 starts, 1 sizes and 0 steps for shape [4]"},
              {[] { take(zeros({2, 3}), 1, 3); },
               "take: index 3 is out of range for axis 1 of [2, 3]"}},
  };
  return cases;
}

const OpCases& cases_place() {
  const auto into = [](PlaceAttrs a) -> Build {
    return [=](const Tensors& x) { return place(x[0], a); };
  };
  static const OpCases cases{
      .cases =
          {
              {"forwards",
               {given({2}, {7, 8})},
               into({{1}, {2}, {5}}),
               {.expected = {0, 7, 0, 8, 0}}},
              {"backwards",
               {given({2}, {7, 8})},
               into({{4}, {-3}, {5}}),
               {.expected = {0, 8, 0, 0, 7}}},
              {"two axes", {real({2, 3})}, into({{1, 0}, {1, 2}, {4, 5}}), {.integers = true}},
          },
      .bad = {{[] { place(zeros({3}), {{1}, {2}, {5}}); },
               "place: start 1, size 3 and step 2 do not fit axis 0 of [5]"}},
  };
  return cases;
}

}  // namespace suan
