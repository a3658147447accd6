// Scaled dot-product attention, and the op its gradient is.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct AttentionAttrs {
  double scale = 0;           // of the scores; 0 means 1 / sqrt(d)
  bool causal = false;        // query i sees keys j <= i + length - t only
  bool heads_inside = false;  // operands are [b, t, h, d], not [b, h, t, d]
  bool operator==(const AttentionAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"scale", &AttentionAttrs::scale},
                      Field{"causal", &AttentionAttrs::causal},
                      Field{"heads_inside", &AttentionAttrs::heads_inside}};
  }
};

// What may be given beside queries, keys and values.
struct AttentionOperands {
  // Broadcasts to [b, h, t, s]. Of bool: whether a query sees a key; of a float: added to the
  // scores.
  Tensor mask = {};
  // i64[b]: the first lengths[b] of the s keys count, so that a cache can grow in place. Missing:
  // s.
  Tensor lengths = {};
};

struct Attention {
  Tensor y;          // [b, h, t, d_v], or [b, t, h, d_v] with heads_inside
  Tensor logsumexp;  // [b, h, t], f32 (f64 for f64): log of the sum of exp(scores); -inf: sees none
};

// y[b, h, i] = sum_j softmax_j(scale <q[b, h, i], k[b, h', j]> + mask) v[b, h', j], h' = h h_kv /
// h: q [b, h, t, d], k [b, h_kv, s, d], v [b, h_kv, s, d_v] of one float dtype, h a multiple of
// h_kv (grouped heads). A query that sees no key gives zeros. With `causal`, the last query sees
// all `length` keys (those of a cache and its own), the one before all but one, and so on. Throws
// Error when shapes do not fit; a length outside [0, s] makes the run throw Error(kOutOfRange).
// Vaswani et al., "Attention is all you need", NeurIPS 2017; grouped heads: Ainslie et al., EMNLP
// 2023.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, AttentionAttrs attrs = {},
                 const AttentionOperands& operands = {});
Attention attention_with_logsumexp(const Tensor& q, const Tensor& k, const Tensor& v,
                                   AttentionAttrs attrs = {},
                                   const AttentionOperands& operands = {});

// Sizes of an attention node's operands.
struct AttentionSizes {
  int64_t b, h, h_kv, t, s, d, d_v;
  Shape scores() const { return {b, h, t, s}; }
};
AttentionSizes attention_sizes(const Shape& q, const Shape& k, const Shape& v,
                               const AttentionAttrs& attrs);
double attention_scale(const AttentionAttrs& attrs, int64_t d);
// Where the optional operands of attention and attention_gradient are.
inline constexpr int kAttentionMask = 3, kAttentionGradientMask = 7;

}  // namespace suan
