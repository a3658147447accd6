// Cases of attention.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/attention.h"

#include <cmath>

#include "suan/ops/check_range.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

// Inputs q, k, v with b 2, h 4, t 3, s 5, d 3, d_v 2.
std::vector<In> operands(int64_t h_kv, std::vector<In> more = {}) {
  std::vector<In> all{real({2, 4, 3, 3}), real({2, h_kv, 5, 3}), real({2, h_kv, 5, 2})};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
std::vector<In> heads_inside(int64_t h_kv) {
  return {real({2, 3, 4, 3}), real({2, 5, h_kv, 3}), real({2, 5, h_kv, 2})};
}
In lengths(double a, double b) { return given({2}, {a, b}, DType::i64); }

// Both outputs; a fourth input is a mask (float or bool) or, being i64, the lengths, which may also
// come fifth. -inf in logsumexp becomes 0, since differences need finite numbers.
Tensors call(const Tensors& x, AttentionAttrs a) {
  AttentionOperands o;
  for (size_t i = 3; i < x.size(); ++i) (x[i].dtype() == DType::i64 ? o.lengths : o.mask) = x[i];
  const Attention out = attention_with_logsumexp(x[0], x[1], x[2], a, o);
  return {out.y, select(is_finite(out.logsumexp), out.logsumexp, 0.0)};
}
Build with(AttentionAttrs a) {
  return [=](const Tensors& x) { return call(x, a); };
}

std::vector<OpCase> attention_cases() {
  const In seen = given({3, 5}, {1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0}, DType::boolean);
  std::vector<OpCase> cases{
      {"plain", operands(4), with({})},
      {"grouped heads", operands(2), with({.scale = 0.3})},
      {"one key head", operands(1), with({.causal = true})},
      {"heads inside", heads_inside(4), with({.heads_inside = true})},
      {"heads inside, grouped, causal", heads_inside(2),
       with({.causal = true, .heads_inside = true})},
      {"float mask", operands(4, {real({2, 1, 3, 5})}), with({})},
      {"float mask, one row", operands(2, {real({5})}), with({.causal = true})},
      {"bool mask with a row that sees nothing", operands(4, {seen}), with({})},
      {"lengths", operands(2, {lengths(5, 2)}), with({})},
      {"lengths, causal", operands(2, {lengths(5, 3)}), with({.causal = true})},
      {"short lengths, causal", operands(4, {lengths(0, 1)}), with({.causal = true})},
      {"mask and lengths", operands(4, {real({2, 4, 1, 5}), lengths(4, 3)}),
       with({.causal = true})},
      {"more queries than keys",
       {real({1, 1, 4, 2}), real({1, 1, 2, 2}), real({1, 1, 2, 3})},
       with({.causal = true})},
      {"only y is used", operands(4),
       [](const Tensors& x) { return attention(x[0], x[1], x[2], {.causal = true}); }},
      {"known",
       {given({1, 1, 1, 1}, {1}), given({1, 1, 2, 1}, {0, 1.0986122886681098}),
        given({1, 1, 2, 1}, {4, 8})},
       with({}),
       {.expected = {7, 1.3862943611198906}}}};
  for (OpCase& c : cases)
    c.checks.tolerance = 3;  // 16-bit weights are rounded before their product
  return cases;
}

std::vector<BadCase> bad_attention() {
  const auto f = [](const Shape& q, const Shape& k, const Shape& v, AttentionAttrs a = {},
                    const AttentionOperands& o = {}) {
    return attention(zeros(q), zeros(k), zeros(v), a, o);
  };
  const Shape q{1, 2, 3, 4}, k{1, 2, 5, 4};
  return {
      {[=] { f({2, 3, 4}, k, k); },
       "attention: q, k and v are [2, 3, 4], [1, 2, 5, 4] and [1, 2, 5, 4], expected rank 4"},
      {[=] { attention(zeros(q, DType::bf16), zeros(k), zeros(k)); },
       "attention: q, k and v are bf16, f32 and f32, expected one float dtype"},
      {[=] { f(q, {1, 2, 5, 3}, k); },
       "attention: q [1, 2, 3, 4], k [1, 2, 5, 3] and v [1, 2, 5, 4] do not fit as [b, h, t, d]"},
      {[=] { f(q, {1, 2, 5, 4}, {1, 2, 6, 4}); },
       "attention: q [1, 2, 3, 4], k [1, 2, 5, 4] and v [1, 2, 6, 4] do not fit as [b, h, t, d]"},
      {[=] { f({1, 3, 3, 4}, k, k); },
       "attention: q [1, 3, 3, 4], k [1, 2, 5, 4] and v [1, 2, 5, 4] do not fit as [b, h, t, d]"},
      {[=] { f(q, {1, 3, 2, 4}, {1, 3, 2, 4}, {.heads_inside = true}); },
       "attention: q [1, 2, 3, 4], k [1, 3, 2, 4] and v [1, 3, 2, 4] do not fit as [b, t, h, d]"},
      {[=] { f(q, k, k, {}, {.mask = zeros({4, 5})}); },
       "attention: mask [4, 5] does not broadcast to [1, 2, 3, 5]"},
      {[=] { f(q, k, k, {}, {.mask = zeros({3, 5}, DType::i32)}); },
       "attention: mask is i32, expected bool or a float"},
      {[=] { f(q, k, k, {}, {.lengths = zeros({1})}); },
       "attention: lengths is f32[1], expected i64[1]"},
      {[=] { f(q, k, k, {}, {.lengths = Tensor::of<int64_t>({6}, {1})}).array(); },
       "attention: length 6 at position 0 is outside [0, 5]", ErrorCode::kOutOfRange},
      {[=] { f(q, k, k, {}, {.lengths = Tensor::of<int64_t>({-1}, {1})}).array(); },
       "attention: length -1 at position 0 is outside [0, 5]", ErrorCode::kOutOfRange}};
}

}  // namespace

const OpCases& cases_attention() {
  static const OpCases cases{.cases = attention_cases(), .bad = bad_attention()};
  return cases;
}

const OpCases& cases_attention_gradient() {
  static const OpCases cases{.cases = attention_cases()};
  return cases;
}

const OpCases& cases_check_range() {
  const auto in_range = [](CheckRangeAttrs a) -> Build {
    return [=](const Tensors& x) { return check_range(x[0], a); };
  };
  static const OpCases cases{
      .cases = {{"i64", {whole({5}, -2, 4)}, in_range({-2, 3, "a", "index"}), {.gradient = false}},
                {"u8",
                 {whole({2, 3}, 0, 5, DType::u8)},
                 in_range({0, 4, "b", "label"}),
                 {.gradient = false}}},
      .bad = {{[] { check_range(zeros({2}), {}); }, "check_range: got f32, expected integers"},
              {[] {
                 check_range(Tensor::of<int64_t>({0, 3}, {2}), {0, 2, "here", "size"}).array();
               },
               "here: size 3 at position 1 is outside [0, 2]", ErrorCode::kOutOfRange}},
  };
  return cases;
}

}  // namespace suan
