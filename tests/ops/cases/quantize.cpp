// Cases of quantize, dequantize and straight_through.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/quantize.h"

#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

namespace {

const Checks no_gradient{.gradient = false};
constexpr DType kF32 = DType::f32;

// Quotients at halves, beyond both ends, at NaN's side of nothing.
In edges() { return given({2, 4}, {-1000, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1000}, kF32); }
In scale_of(double value) { return given({}, {value}, kF32); }

Build quantizing(QuantizeAttrs attrs) {
  return [attrs](const Tensors& x) {
    return quantize(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), attrs);
  };
}
Build dequantizing(DequantizeAttrs attrs = {}) {
  return [attrs](const Tensors& x) {
    return dequantize(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), attrs);
  };
}

std::vector<OpCase> quantize_cases() {
  return {{"i8, halves to even",
           {edges(), scale_of(0.5)},
           quantizing({.dtype = DType::i8}),
           {.gradient = false, .expected = {-128, -2, -2, 0, 0, 2, 2, 127}}},
          {"u8 with a zero point",
           {edges(), scale_of(0.5), given({}, {128}, DType::u8)},
           quantizing({.dtype = DType::u8}),
           {.gradient = false, .expected = {0, 126, 126, 128, 128, 130, 130, 255}}},
          {"i4 saturates",
           {edges(), scale_of(0.125)},
           quantizing({.dtype = DType::i4}),
           {.gradient = false, .expected = {-8, -8, -6, -2, 2, 6, 7, 7}}},
          {"u4 with a zero point",
           {edges(), scale_of(0.25), given({}, {8}, DType::u4)},
           quantizing({.dtype = DType::u4}),
           {.gradient = false, .expected = {0, 3, 5, 7, 9, 11, 13, 15}}},
          {"i16", {edges(), scale_of(0.001)}, quantizing({.dtype = DType::i16}), no_gradient},
          {"a small float saturates",
           {edges(), scale_of(0.5)},
           quantizing({.dtype = DType::f8e4m3fn}),
           no_gradient},
          {"a small float becomes NaN",
           {edges(), scale_of(0.5)},
           quantizing({.dtype = DType::f8e4m3fn, .saturate = false}),
           no_gradient},
          {"a scale and a zero point for each column",
           {real({5, 1031}), whole({1031}, 1, 64, kF32), whole({1031}, 0, 255, DType::u8)},
           [](const Tensors& x) {
             return quantize(x[0], x[1] * 0.00390625, x[2], {.dtype = DType::u8});
           },
           no_gradient},
          {"a scale for each channel",
           {given({2, 3}, {1, 2, 3, 4, 5, 6}, kF32), given({2, 1}, {0.5, 0.25}, kF32)},
           quantizing({.dtype = DType::i8}),
           {.gradient = false, .expected = {2, 4, 6, 16, 20, 24}}},
          {"a scale for each column, with zero points",
           {given({2, 2}, {1, 2, 3, 4}, kF32), given({2}, {0.5, 0.25}, kF32),
            given({2}, {1, 2}, DType::u8)},
           quantizing({.dtype = DType::u8}),
           {.gradient = false, .expected = {3, 10, 7, 18}}},
          {"blocks along the last axis, the last one short",
           {given({1, 5}, {1, 2, 3, 4, 5}, kF32), given({1, 3}, {1, 0.5, 0.25}, kF32)},
           quantizing({.dtype = DType::i8, .axis = 1, .block = 2}),
           {.gradient = false, .expected = {1, 2, 6, 8, 20}}},
          {"many elements in layers",
           {{.shape = {2, 32, 5, 7}, .dtype = kF32}, scale_of(0.01)},
           quantizing({.dtype = DType::i8}),
           no_gradient},
          {"an image's worth",
           {{.shape = {3, 67, 65}, .dtype = kF32}, scale_of(0.02), given({}, {100}, DType::u8)},
           quantizing({.dtype = DType::u8}),
           no_gradient}};
}
std::vector<BadCase> quantize_mistakes() {
  return {{[] { quantize(zeros({2}, DType::i32), full(1, {}), {}); },
           "quantize: got i32, expected a float"},
          {[] { quantize(zeros({2}), full(1, {}), {}, {.dtype = DType::i32}); },
           "quantize: quantizes to i32, expected an integer of at most 16 bits or a small "
           "float"},
          {[] { quantize(zeros({2}), full(1, {}, DType::i8), {}); },
           "quantize: the scale is i8, expected a float"},
          {[] { quantize(zeros({2, 3}), ones({2}), {}); },
           "quantize: the scale [2] does not broadcast to [2, 3]"},
          {[] { quantize(zeros({2}), full(1, {}), zeros({}, DType::u8)); },
           "quantize: the zero point is u8[], expected i8[]"},
          {[] { quantize(zeros({2}), ones({2}), {}, {.block = -1}); },
           "quantize: block is -1, expected at least 0"},
          {[] { quantize(zeros({2}), ones({2}), {}, {.axis = 1, .block = 2}); },
           "quantize: axis 1 is out of range for shape [2]"},
          {[] { quantize(zeros({4}), ones({1}), {}, {.block = 2}); },
           "quantize: the scale is [1], expected [2] for blocks of 2 along axis 0 of [4]"}};
}

}  // namespace

const OpCases& cases_quantize() {
  static const OpCases cases{.cases = quantize_cases(), .bad = quantize_mistakes()};
  return cases;
}

const OpCases& cases_dequantize() {
  static const OpCases cases{
      .cases =
          {{"i8",
            {given({4}, {-128, -1, 0, 127}, DType::i8), scale_of(0.5)},
            dequantizing(),
            {.gradient = false, .expected = {-64, -0.5, 0, 63.5}}},
           {"u8 with a zero point",
            {given({3}, {0, 128, 255}, DType::u8), scale_of(0.5), given({}, {128}, DType::u8)},
            dequantizing(),
            {.gradient = false, .expected = {-64, 0, 63.5}}},
           {"i4", {whole({3, 5}, -8, 8, DType::i4), scale_of(0.25)}, dequantizing(), no_gradient},
           {"sums",
            {given({2}, {100000, -7}, DType::i32), scale_of(0.5)},
            dequantizing(),
            {.gradient = false, .expected = {50000, -3.5}}},
           {"to bf16",
            {whole({3, 5}, -128, 128, DType::i8), scale_of(0.25)},
            dequantizing({.dtype = DType::bf16}),
            no_gradient},
           {"the scale's gradient",
            {whole({3, 4}, -20, 20, DType::i8), real({3, 1}, 0.5, 2)},
            dequantizing({.dtype = DType::f64})},
           {"a scale for each channel",
            {given({2, 2}, {1, 2, 3, 4}, DType::i8), given({2, 1}, {0.5, 2}, kF32),
             given({2, 1}, {1, -1}, DType::i8)},
            dequantizing(),
            {.gradient = false, .expected = {0, 0.5, 8, 10}}},
           {"blocks along the first axis",
            {given({3, 2}, {1, 2, 3, 4, 5, 6}, DType::i4), given({2, 2}, {1, 2, 3, 4}, kF32)},
            dequantizing({.block = 2}),
            {.gradient = false, .expected = {1, 4, 3, 8, 15, 24}}},
           {"blocks along the last axis",
            {whole({4, 64}, 0, 16, DType::u4), real({4, 2}, 0.5, 1),
             given({4, 2}, {8, 7, 6, 5, 4, 3, 2, 1}, DType::u4)},
            dequantizing({.axis = 1, .block = 32}),
            no_gradient},
           {"many elements in layers",
            {whole({2, 32, 5, 7}, -128, 128, DType::i8), scale_of(0.01)},
            dequantizing(),
            no_gradient}},
      .bad = {{[] { dequantize(zeros({2}), full(1, {}), {}); },
               "dequantize: got f32, expected an integer of at most 16 bits, i32 or a small "
               "float"},
              {[] { dequantize(zeros({2}, DType::i8), full(1, {}), {}, {.dtype = DType::i8}); },
               "dequantize: dequantizes to i8, expected a float"},
              {[] { dequantize(zeros({2}, DType::i8), full(1, {}, DType::i32), {}); },
               "dequantize: the scale is i32, expected a float"}},
  };
  return cases;
}

const OpCases& cases_straight_through() {
  static const OpCases cases{
      .cases = {{"of itself",
                 {real({2, 3})},
                 [](const Tensors& x) { return straight_through(x[0] * 1.0, x[0]); }},
                {"the value of one, the gradient of another",
                 {given({3}, {0.4, 1.6, -0.7}, kF32)},
                 [](const Tensors& x) { return straight_through(round(x[0]), x[0]); },
                 {.gradient = false, .expected = {0, 2, -1}}}},
      .bad = {{[] { straight_through(zeros({2}), zeros({3})); },
               "straight_through: got f32[2] and f32[3], expected one type"}},
  };
  return cases;
}

}  // namespace suan
