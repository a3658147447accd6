// Cases of resize. Expected numbers: the examples of ONNX Resize, and by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/resize.h"

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

Build to(const std::vector<int64_t>& sizes, ResizeOptions o) {
  return [=](const Tensors& x) { return resize(x[0], sizes, o); };
}
Build by(const std::vector<double>& scales, ResizeOptions o) {
  return [=](const Tensors& x) { return resize_by(x[0], scales, o); };
}
In line(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return given({1, 1, n}, std::move(values));
}

using Mode = ResizeMode;
using At = ResizeCoordinates;
using Round = ResizeRound;

std::vector<OpCase> known_cases() {
  return {
      {"nearest, as PyTorch",
       {line({1, 2, 3})},
       to({6}, {Mode::nearest, At::asymmetric, Round::floor}),
       {.expected = {1, 1, 2, 2, 3, 3}}},
      {"nearest, halves go down",
       {line({1, 2, 3, 4})},
       to({2}, {Mode::nearest, At::half_pixel, Round::prefer_floor}),
       {.expected = {1, 3}}},
      {"nearest, halves go up",
       {line({1, 2, 3, 4})},
       to({2}, {Mode::nearest, At::half_pixel, Round::prefer_ceil}),
       {.expected = {2, 4}}},
      {"nearest, up",
       {line({1, 2, 3})},
       to({5}, {Mode::nearest, At::asymmetric, Round::ceil}),
       {.expected = {1, 2, 3, 3, 3}}},
      {"linear", {line({1, 2})}, to({4}, {Mode::linear}), {.expected = {1, 1.25, 1.75, 2}}},
      {"linear, corners",
       {line({1, 2, 3})},
       to({5}, {Mode::linear, At::align_corners}),
       {.expected = {1, 1.5, 2, 2.5, 3}}},
      {"one of many, corners",
       {line({7, 2, 3})},
       to({1}, {Mode::linear, At::align_corners}),
       {.expected = {7}}},
      {"cubic",
       {line({1, 2, 3, 4})},
       to({8}, {Mode::cubic}),
       {.expected = {0.89453125, 1.19140625, 1.66796875, 2.296875, 2.703125, 3.33203125, 3.80859375,
                     4.10546875}}},
      {"area", {line({1, 2, 3, 4, 5})}, to({3}, {Mode::area}), {.expected = {1.5, 3, 4.5}}},
      {"scales",
       {line({1, 2, 3, 4})},
       by({0.6}, {Mode::linear, At::asymmetric}),
       {.expected = {1, 1 + 1 / 0.6}}},
  };
}

}  // namespace

const OpCases& cases_resize() {
  static const OpCases cases = [] {
    OpCases c{
        .cases = known_cases(),
        .bad = {{[] { resize(zeros({2, 3}), {4}); },
                 "resize: got shape [2, 3], expected at least 3 axes"},
                {[] { resize(zeros({1, 1, 2, 3}), {4, 4, 4}); }, "resize: got 3 sizes, expected 2"},
                {[] { resize(zeros({1, 1, 3}), {0}); }, "resize: got size 0, expected 1 or more"},
                {[] { resize(zeros({1, 1, 3}, DType::i32), {2}); },
                 "resize: got i32, expected a float"},
                {[] { resize(zeros({1, 1, 0}), {2}); },
                 "resize: axis 2 of [1, 1, 0] has no elements, or too many"},
                {[] { make(op_def(Op::resize), {zeros({2})}, ResizeAttrs{.axis = 1}); },
                 "resize: axis 1 is out of range for shape [2]"},
                {[] { make(op_def(Op::resize), {zeros({2})}, ResizeAttrs{.scale = -1}); },
                 "resize: got scale -1, expected a positive number"},
                {[] { resize_by(zeros({1, 1, 3}), {0.3}); },
                 "resize_by: scale 0.3 of [1, 1, 3] leaves no elements, or too many"},
                {[] { resize_by(zeros({1, 1, 3, 3}), {1, 1, 1}); },
                 "resize_by: got 3 scales, expected 2"}},
    };
    const In image = real({2, 3, 4, 5});
    for (const Mode mode : {Mode::nearest, Mode::linear, Mode::cubic, Mode::area}) {
      c.cases.push_back({"up and down", {image}, to({7, 3}, {mode}), {}});
      c.cases.push_back({"lines", {real({3, 2, 9})}, to({4}, {mode, At::align_corners}), {}});
      c.cases.push_back(
          {"volume", {real({1, 2, 3, 2, 4})}, to({2, 5, 3}, {mode, At::asymmetric}), {}});
    }
    c.cases.push_back({"scales of two axes", {image}, by({1.7, 2}, {Mode::linear}), {}});
    c.cases.push_back({"wide", {real({1, 2, 3, 40})}, to({6, 40}, {Mode::linear}), {}});
    return c;
  }();
  return cases;
}

}  // namespace suan
