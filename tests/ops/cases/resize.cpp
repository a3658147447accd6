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

Build along(const ResizeAttrs& attrs) {
  return [=](const Tensors& x) { return resize_axis(x[0], attrs); };
}

using Mode = ResizeMode;
using At = ResizeCoordinates;
using Round = ResizeRound;

// What only ONNX has.
std::vector<OpCase> onnx_cases() {
  return {
      {"linear, antialiased",
       {line({1, 2, 3, 4})},
       to({2}, {.mode = Mode::linear, .antialias = true}),
       {.expected = {1.625, 3.375}}},
      {"cubic, antialiased",
       {given({6}, {1, 3, 2, 5, 4, 6})},
       along({.size = 3, .mode = Mode::cubic, .cubic_a = -0.5, .antialias = true}),
       {.expected = {1.8046875, 3.5, 5.1953125}}},
      {"cubic, nothing outside",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 8, .mode = Mode::cubic, .cubic_a = -0.5, .exclude_outside = true}),
       {.expected = {0.91176471, 1.16788321, 1.70992366, 2.25, 2.75, 3.29007634, 3.83211679,
                     4.08823529}}},
      {"part of a line",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 3, .mode = Mode::linear, .coordinates = At::crop, .start = 0.4, .end = 0.6}),
       {.expected = {2.2, 2.5, 2.8}}},
      {"middle of a part",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 1, .mode = Mode::linear, .coordinates = At::crop, .end = 0.5}),
       {.expected = {1.75}}},
      {"middle kept",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 2,
              .mode = Mode::linear,
              .coordinates = At::half_pixel_symmetric,
              .scale = 0.6}),
       {.expected = {5.0 / 3, 10.0 / 3}}},
      {"corners by a scale",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 2, .mode = Mode::linear, .coordinates = At::align_corners, .scale = 0.6}),
       {.expected = {1, 1 + 3 / 1.4}}},
      {"half pixels of TensorFlow",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 3, .coordinates = At::tf_half_pixel, .round = Round::floor}),
       {.expected = {1, 3, 4}}},
      {"half pixels of PyTorch",
       {given({4}, {1, 2, 3, 4})},
       along({.size = 1, .mode = Mode::linear, .coordinates = At::pytorch_half_pixel}),
       {.expected = {1}}},
  };
}

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
                {[] { resize_axis(zeros({4}), {.size = 4, .scale = 0.5}); },
                 "resize: scale 0.5 does not make 4 elements of 4"},
                {[] { resize_axis(zeros({4}), {.size = 4, .cubic_a = 1e9}); },
                 "resize: got start 0, end 1 and cubic_a 1000000000, expected numbers of at most "
                 "1000000"},
                {[] { resize_by(zeros({1, 1, 3}), {0.3}); },
                 "resize_by: scale 0.3 of [1, 1, 3] leaves no elements, or too many"},
                {[] { resize_by(zeros({1, 1, 3, 3}), {1, 1, 1}); },
                 "resize_by: got 3 scales, expected 2"}},
    };
    for (OpCase& k : onnx_cases()) c.cases.push_back(std::move(k));
    const In image = real({2, 3, 4, 5});
    for (const Mode mode : {Mode::nearest, Mode::linear, Mode::cubic, Mode::area}) {
      c.cases.push_back({"up and down", {image}, to({7, 3}, {mode}), {}});
      c.cases.push_back({"lines", {real({3, 2, 9})}, to({4}, {mode, At::align_corners}), {}});
      c.cases.push_back(
          {"volume", {real({1, 2, 3, 2, 4})}, to({2, 5, 3}, {mode, At::asymmetric}), {}});
    }
    c.cases.push_back({"scales of two axes", {image}, by({1.7, 2}, {Mode::linear}), {}});
    c.cases.push_back({"wide filter",
                       {image},
                       along({.axis = 2,
                              .size = 2,
                              .mode = Mode::cubic,
                              .antialias = true,
                              .exclude_outside = true})});
    c.cases.push_back({"wide", {real({1, 2, 3, 40})}, to({6, 40}, {Mode::linear}), {}});
    return c;
  }();
  return cases;
}

}  // namespace suan
