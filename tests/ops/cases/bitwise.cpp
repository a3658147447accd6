// Cases of the ops on bits. Expected numbers by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/bitwise.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

using Kind = BitwiseKind;

Build call(Kind kind) {
  return [kind](const Tensors& x) { return bitwise(x[0], x[1], kind); };
}
OpCase known(std::string name, Kind kind, DType dtype, std::vector<double> a, std::vector<double> b,
             std::vector<double> expected) {
  const auto n = static_cast<int64_t>(a.size());
  return {std::move(name),
          {given({n}, std::move(a), dtype), given({n}, std::move(b), dtype)},
          call(kind),
          {.expected = std::move(expected)}};
}

}  // namespace

const OpCases& cases_bitwise() {
  static const OpCases cases{
      .cases =
          {
              known("and", Kind::bit_and, DType::u8, {12, 255}, {10, 1}, {8, 1}),
              known("or", Kind::bit_or, DType::i16, {12, -1}, {10, 5}, {14, -1}),
              known("xor", Kind::bit_xor, DType::i64, {12, -1}, {10, 5}, {6, -6}),
              known("left", Kind::shift_left, DType::u8, {1, 255, 1, 3}, {7, 1, 8, 0},
                    {128, 254, 0, 3}),
              known("left, signed", Kind::shift_left, DType::i8, {1, 64, -1, 5}, {7, 2, 1, -1},
                    {-128, 0, -2, 0}),
              known("right", Kind::shift_right, DType::u32, {4000000000, 8, 8}, {1, 3, 32},
                    {2000000000, 1, 0}),
              known("right, signed", Kind::shift_right, DType::i32, {-8, -8, -8, 8},
                    {1, 32, -1, 40}, {-4, -1, -1, 0}),
              {"not",
               {given({3}, {0, 1, -7}, DType::i32)},
               [](const Tensors& x) { return bitwise_not(x[0]); },
               {.expected = {-1, -2, 6}}},
              {"not, unsigned",
               {given({2}, {0, 65535}, DType::u16)},
               [](const Tensors& x) { return bitwise_not(x[0]); },
               {.expected = {65535, 0}}},
              {"rows",
               {whole({2, 3, 4}, 0, 100, DType::i32), whole({3, 1}, 0, 9, DType::i32)},
               call(Kind::bit_xor),
               {}},
          },
      .bad = {{[] { bitwise(zeros({2}), zeros({2}), Kind::bit_or); },
               "bitwise: got f32 and f32, expected two of the same integer dtype"},
              {[] { bitwise(zeros({2}, DType::i8), zeros({2}, DType::u8), Kind::bit_or); },
               "bitwise: got i8 and u8, expected two of the same integer dtype"},
              {[] { bitwise_not(zeros({2})); },
               "bitwise: got f32 and i64, expected two of the same integer dtype"},
              {[] { bitwise(zeros({2}, DType::i8), zeros({3}, DType::i8), Kind::bit_or); },
               "bitwise: shapes [2] and [3] do not broadcast"}},
  };
  return cases;
}

const OpCases& cases_bitcast() {
  const auto to = [](DType dtype) -> Build {
    return [dtype](const Tensors& x) { return bitcast(x[0], dtype); };
  };
  static const OpCases cases{
      .cases =
          {
              {"f32 to i32",
               {given({2}, {1, -2.5}, DType::f32)},
               to(DType::i32),
               {.gradient = false, .expected = {1065353216, -1071644672}}},
              {"i16 to f16",
               {given({1, 2}, {15360, -32768}, DType::i16)},
               to(DType::f16),
               {.expected = {1, -0.0}}},
              {"i8 to u8",
               {given({3}, {-1, -128, 5}, DType::i8)},
               to(DType::u8),
               {.expected = {255, 128, 5}}},
              {"u8 to bool",
               {given({3}, {0, 1, 6}, DType::u8)},
               to(DType::boolean),
               {.expected = {0, 1, 1}}},
          },
      .bad = {{[] { bitcast(zeros({2}), DType::i64); },
               "bitcast: got f32 of 32 bits and i64 of 64, expected as many"},
              {[] { bitcast(zeros({2}, DType::i64), DType::string); },
               "bitcast: text has no bits"}},
  };
  return cases;
}

}  // namespace suan
