// Multi-head attention. Vaswani et al., "Attention is all you need", NeurIPS 2017.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/dropout.h"
#include "suan/nn/linear.h"

namespace suan::nn {

struct AttentionOptions {
  bool causal = false;  // a position sees itself and what is before it
  double dropout = 0;   // of the attention weights
  bool bias = true;
};

struct AttentionMask {
  // i64 [n]: keys from this position on do not count; undefined: all count. With `causal` and as
  // many queries as keys they change nothing, since padding comes after all that a query sees; with
  // fewer queries, these are the last ones of their row's `length` keys.
  Tensor lengths;
};

// softmax(q k^T / sqrt(d)) v in `heads` parts of the last axis, d = width / heads. q [n, t, width],
// k and v [n, s, width]; gives [n, t, width]. `dropout`, of the attention weights, may be null.
Tensor multihead(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, bool causal,
                 const AttentionMask& mask = {}, const Dropout* dropout = nullptr);

// y = out_proj(multihead(W_q q, W_k k, W_v v)). in_proj_weight [3 width, width] holds W_q, W_k and
// W_v; names and start as in torch.nn.MultiheadAttention (batch first). Throws Error when heads do
// not divide width.
struct MultiheadAttention : Module {
  MultiheadAttention(int64_t width, int64_t heads, AttentionOptions options = {});
  Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const;
  Tensor operator()(const Tensor& q, const Tensor& k, const Tensor& v,
                    const AttentionMask& mask = {}) const;

  StatePtr in_proj_weight, in_proj_bias;
  Linear out_proj;
  Dropout dropout;
  SUAN_MEMBERS(in_proj_weight, in_proj_bias, out_proj, dropout)

 private:
  int64_t width_, heads_;
  bool causal_;
};

}  // namespace suan::nn
