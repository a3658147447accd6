// Cases of scaled_matmul.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/scaled_matmul.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

namespace {

constexpr DType kE4 = DType::f8e4m3fn, kE5 = DType::f8e5m2;
const Checks constant{.gradient = false};

Build call(DType a, DType b, DType result) {
  return [=](const Tensors& x) { return scaled_matmul(to_fp8(x[0], a), to_fp8(x[1], b), result); };
}
In sevens(Shape shape) { return whole(shape, -7, 8, DType::f32); }
std::function<void()> scaled(Shape a, Shape b) {
  return [=] {
    const Tensor one = full(1.0, {});
    scaled_matmul({zeros(a, kE4), one}, {zeros(b, kE4), one}, DType::f32);
  };
}

}  // namespace

const OpCases& cases_scaled_matmul() {
  static const OpCases cases{
      .cases = {{"weights and activations",
                 {distinct({3, 5}), distinct({2, 5})},
                 call(kE4, kE4, DType::f64),
                 constant},
                {"a gradient and weights",
                 {distinct({4, 6}), distinct({3, 6})},
                 call(kE5, kE4, DType::f64),
                 constant},
                // A largest element of 7 is a power of two as a scale: sums are whole.
                {"activations and a gradient, in sizes that FP8 units take",
                 {sevens({16, 32}), sevens({48, 32})},
                 call(kE4, kE5, DType::f32),
                 constant},
                {"the same in bf16",
                 {sevens({16, 32}), sevens({32, 32})},
                 call(kE5, kE4, DType::bf16),
                 constant},
                {"zeros",
                 {given({2, 2}, {0, 0, 0, 0}), distinct({1, 2})},
                 call(kE4, kE4, DType::f32),
                 {.gradient = false, .expected = {0, 0}}},
                // A largest element of 448 is a scale of 1.
                {"in bf16",
                 {given({1, 3}, {448, 2, 1}), given({2, 3}, {0, 448, 8, 1, 1, 0})},
                 call(kE4, kE4, DType::bf16),
                 {.gradient = false, .expected = {904, 450}}},
                {"in f16",
                 {given({1, 3}, {448, 2, 1}), given({2, 3}, {0, 448, 8, 1, 1, 0})},
                 call(kE4, kE4, DType::f16),
                 {.gradient = false, .expected = {904, 450}}}},
      .bad = {{scaled({2, 3}, {3, 2}),
               "scaled_matmul: got shapes [2, 3] and [3, 2], expected [m, k] and [n, k]"},
              {[] {
                 const Tensor x = zeros({2, 2});
                 scaled_matmul({x, full(1.0, {})}, {x, full(1.0, {})}, DType::f32);
               },
               "scaled_matmul: got f32 and f32, expected f8e4m3fn or f8e5m2"},
              {[] {
                 const Tensor x = zeros({2, 2}, DType::f8e5m2);
                 scaled_matmul({x, full(1.0, {1})}, {x, full(1.0, {})}, DType::f32);
               },
               "scaled_matmul: a scale is f32[1], expected f32[]"},
              {[] {
                 const Tensor x = zeros({2, 2}, DType::f8e5m2);
                 scaled_matmul({x, full(1.0, {})}, {x, full(1.0, {})}, DType::i32);
               },
               "scaled_matmul: dtype is i32, expected a float"},
              {[] { to_fp8(zeros({2}), DType::bf16); },
               "to_fp8: got bf16, expected f8e4m3fn or f8e5m2"}},
  };
  return cases;
}

}  // namespace suan
