// A decoder-only transformer.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/gpt.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/slice.h"
#include "suan/ops/split.h"

namespace suan::models {
namespace {

nn::Linear dense(int64_t in, int64_t out, bool bias, double std = 0.02) {
  nn::Linear layer(in, out, {.bias = bias});
  nn::init::normal(layer.weight, 0, std);
  if (bias) nn::init::constant(layer.bias, 0);
  return layer;
}
// Layers that end in the residual sum start smaller, so that its variance does not grow with depth.
nn::Linear residual(int64_t in, int64_t out, const GptOptions& o) {
  return dense(in, out, o.bias, 0.02 / std::sqrt(2.0 * static_cast<double>(o.layers)));
}
nn::Embedding table(int64_t count, int64_t width) {
  nn::Embedding embedding(count, width);
  nn::init::normal(embedding.weight, 0, 0.02);
  return embedding;
}

}  // namespace

GptAttention::GptAttention(const GptOptions& o)
    : c_attn(dense(o.width, 3 * o.width, o.bias)),
      c_proj(residual(o.width, o.width, o)),
      attn_dropout(o.dropout),
      resid_dropout(o.dropout),
      width_(o.width),
      heads_(o.heads) {
  if (heads_ < 1 || width_ % heads_ != 0) {
    fail("gpt", "{} heads do not divide a width of {}", heads_, width_);
  }
}
Tensor GptAttention::operator()(const Tensor& x) const {
  const auto parts = split(c_attn(x), {width_, width_, width_}, -1);
  const Tensor y = nn::multihead(parts[0], parts[1], parts[2], heads_, true, {}, &attn_dropout);
  return resid_dropout(c_proj(y));
}

GptMlp::GptMlp(const GptOptions& o)
    : c_fc(dense(o.width, 4 * o.width, o.bias)),
      c_proj(residual(4 * o.width, o.width, o)),
      dropout(o.dropout) {}
Tensor GptMlp::operator()(const Tensor& x) const { return dropout(c_proj(gelu_tanh(c_fc(x)))); }

GptBlock::GptBlock(const GptOptions& o)
    : ln_1(o.width, {.bias = o.bias}), attn(o), ln_2(o.width, {.bias = o.bias}), mlp(o) {}
Tensor GptBlock::operator()(const Tensor& x) const {
  const Tensor y = x + attn(ln_1(x));
  return y + mlp(ln_2(y));
}

GptTransformer::GptTransformer(const GptOptions& o)
    : wte(table(o.vocabulary, o.width)),
      wpe(table(o.context, o.width)),
      drop(o.dropout),
      ln_f(o.width, {.bias = o.bias}) {
  for (int64_t i = 0; i < o.layers; ++i) h.emplace_back(o);
}
Tensor GptTransformer::operator()(const Tensor& tokens) const {
  Tensor x = drop(wte(tokens) + narrow(wpe.weight->read(), 0, 0, tokens.size(1)));
  for (const GptBlock& block : h) x = block(x);
  return ln_f(x);
}

Gpt::Gpt(GptOptions o) : transformer(o), context_(o.context) {
  if (o.layers < 1) fail("gpt", "got {} layers, expected 1 or more", o.layers);
  if (!o.tied) lm_head = dense(o.width, o.vocabulary, false);
}
Tensor Gpt::operator()(const Tensor& tokens) const {
  if (tokens.rank() != 2 || tokens.shape()[1] < 1 || tokens.shape()[1] > context_) {
    fail("gpt", "got tokens of shape {}, expected [rows, 1 to {}]", to_string(tokens.shape()),
         context_);
  }
  const Tensor x = transformer(tokens);
  return lm_head ? (*lm_head)(x) : linear(x, transformer.wte.weight->read());
}

}  // namespace suan::models
