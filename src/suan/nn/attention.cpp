// Multi-head attention.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/attention.h"

#include <cmath>
#include <limits>

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/arange.h"
#include "suan/ops/attention.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"
#include "suan/ops/split.h"

namespace suan::nn {
namespace {

Tensor value(const StatePtr& state) { return state ? state->read() : Tensor(); }

// The formula step by step: the attention op has no dropout between softmax and values.
Tensor with_dropout(const Tensor& q, const Tensor& k, const Tensor& v, bool causal,
                    const Tensor& lengths, const Dropout& dropout) {
  const auto heads_first = [](const Tensor& x) { return transpose(x, {0, 2, 1, 3}); };
  const int64_t t = q.size(1);
  const int64_t s = k.size(1);
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  Tensor scores = matmul(heads_first(q), heads_first(k), false, true) * scale;
  constexpr double kNever = std::numeric_limits<float>::lowest();
  const Tensor key = reshape(arange(s), {1, 1, 1, s});
  const Tensor end =
      lengths ? reshape(lengths, {-1, 1, 1, 1}) : full(static_cast<double>(s), {}, DType::i64);
  Tensor seen = key < end;
  if (causal) seen = key - reshape(arange(t), {1, 1, t, 1}) <= end - static_cast<double>(t);
  scores = select(seen, scores, kNever);
  return heads_first(matmul(dropout(softmax(scores)), heads_first(v)));
}

}  // namespace

Tensor multihead(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, bool causal,
                 const AttentionMask& mask, const Dropout* dropout) {
  const auto apart = [&](const Tensor& x) {
    return reshape(x, {x.size(0), x.size(1), heads, x.size(2) / heads});
  };
  const bool no_padding_seen = causal && q.size(1) == k.size(1);
  const Tensor lengths = no_padding_seen ? Tensor() : mask.lengths;
  const Tensor y = dropout && dropout->drops()
                       ? with_dropout(apart(q), apart(k), apart(v), causal, lengths, *dropout)
                       : attention(apart(q), apart(k), apart(v),
                                   {.causal = causal, .heads_inside = true}, {.lengths = lengths});
  return reshape(y, q.shape());
}

MultiheadAttention::MultiheadAttention(int64_t width, int64_t heads, AttentionOptions options)
    : out_proj(width, width, {.bias = options.bias}),
      dropout(options.dropout),
      width_(width),
      heads_(heads),
      causal_(options.causal) {
  if (heads < 1 || width % heads != 0) {
    fail("MultiheadAttention", "{} heads do not divide a width of {}", heads, width);
  }
  in_proj_weight = parameter("in_proj_weight", {3 * width, width});
  init::xavier_uniform(in_proj_weight);
  if (options.bias) {
    in_proj_bias = parameter("in_proj_bias", {3 * width});
    init::constant(out_proj.bias, 0);
  }
}

Tensor MultiheadAttention::operator()(const Tensor& x, const AttentionMask& mask) const {
  if (x.rank() != 3 || x.shape()[2] != width_) {
    fail("MultiheadAttention", "got shape {}, expected [rows, time, {}]", to_string(x.shape()),
         width_);
  }
  const auto parts =
      split(linear(x, in_proj_weight->read(), value(in_proj_bias)), {width_, width_, width_}, -1);
  return out_proj(multihead(parts[0], parts[1], parts[2], heads_, causal_, mask, &dropout));
}

Tensor MultiheadAttention::operator()(const Tensor& q, const Tensor& k, const Tensor& v,
                                      const AttentionMask& mask) const {
  const std::vector<int64_t> sizes(3, width_);
  const auto w = split(in_proj_weight->read(), sizes);
  const auto b = in_proj_bias ? split(in_proj_bias->read(), sizes) : std::vector<Tensor>(3);
  return out_proj(multihead(linear(q, w[0], b[0]), linear(k, w[1], b[1]), linear(v, w[2], b[2]),
                            heads_, causal_, mask, &dropout));
}

}  // namespace suan::nn
