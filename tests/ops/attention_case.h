// Attention of sizes that the suite's cases, which are small, do not have.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/ops/attention.h"
#include "suan/ops/elementwise.h"
#include "tests/ops/op_cases.h"

namespace suan {

struct AttentionCaseSizes {
  int64_t b, h, h_kv, t, s, d;
  bool causal, heads_inside;
};

// With logsumexp, which has a gradient then.
inline OpCase attention_case(const AttentionCaseSizes& z, bool logsumexp = true) {
  const auto shape = [&](int64_t heads, int64_t rows) {
    return z.heads_inside ? Shape{z.b, rows, heads, z.d} : Shape{z.b, heads, rows, z.d};
  };
  OpCase c{"attention",
           {real(shape(z.h, z.t)), real(shape(z.h_kv, z.s)), real(shape(z.h_kv, z.s))},
           [=](const Tensors& x) -> Tensors {
             const Attention out = attention_with_logsumexp(
                 x[0], x[1], x[2], {.causal = z.causal, .heads_inside = z.heads_inside});
             if (!logsumexp) return {out.y};
             return {out.y, select(is_finite(out.logsumexp), out.logsumexp, 0.0)};
           }};
  c.checks.tolerance = 3;
  return c;
}

}  // namespace suan
