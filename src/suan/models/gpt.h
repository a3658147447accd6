// A decoder-only transformer as in GPT-2, with the structure and names of nanoGPT.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "suan/graph/attrs.h"
#include "suan/nn/attention.h"
#include "suan/nn/embedding.h"
#include "suan/nn/norm.h"

namespace suan::models {

struct GptOptions {
  int64_t vocabulary = 65;
  int64_t context = 64;  // the most positions
  int64_t layers = 4;
  int64_t heads = 4;
  int64_t width = 128;
  double dropout = 0;
  bool bias = false;  // in linear layers and layer norms
  bool tied = true;   // the head's weight is the embedding's

  static constexpr auto fields() {
    return std::tuple{Field{"vocabulary", &GptOptions::vocabulary},
                      Field{"context", &GptOptions::context},
                      Field{"layers", &GptOptions::layers},
                      Field{"heads", &GptOptions::heads},
                      Field{"width", &GptOptions::width},
                      Field{"dropout", &GptOptions::dropout},
                      Field{"bias", &GptOptions::bias},
                      Field{"tied", &GptOptions::tied}};
  }
};

struct GptAttention : nn::Module {
  explicit GptAttention(const GptOptions& options);
  Tensor operator()(const Tensor& x) const;

  nn::Linear c_attn, c_proj;  // query, key and value in one; output
  nn::Dropout attn_dropout, resid_dropout;
  SUAN_MEMBERS(c_attn, c_proj, attn_dropout, resid_dropout)

 private:
  int64_t width_, heads_;
};

struct GptMlp : nn::Module {
  explicit GptMlp(const GptOptions& options);
  Tensor operator()(const Tensor& x) const;

  nn::Linear c_fc, c_proj;
  nn::Dropout dropout;
  SUAN_MEMBERS(c_fc, c_proj, dropout)
};

// x + attn(ln_1(x)), then x + mlp(ln_2(x)) with gelu (by tanh).
struct GptBlock : nn::Module {
  explicit GptBlock(const GptOptions& options);
  Tensor operator()(const Tensor& x) const;

  nn::LayerNorm ln_1;
  GptAttention attn;
  nn::LayerNorm ln_2;
  GptMlp mlp;
  SUAN_MEMBERS(ln_1, attn, ln_2, mlp)
};

struct GptTransformer : nn::Module {
  explicit GptTransformer(const GptOptions& options);
  Tensor operator()(const Tensor& tokens) const;

  nn::Embedding wte, wpe;  // tokens and positions
  nn::Dropout drop;
  nn::ModuleList<GptBlock> h;
  nn::LayerNorm ln_f;
  SUAN_MEMBERS(wte, wpe, drop, h, ln_f)
};

// tokens i64 [n, t], t up to the context; gives logits [n, t, vocabulary] of the next token at each
// position. Radford et al., "Language models are unsupervised multitask learners", 2019.
struct Gpt : nn::Module {
  explicit Gpt(GptOptions options = {});
  Tensor operator()(const Tensor& tokens) const;

  GptTransformer transformer;
  std::optional<nn::Linear> lm_head;  // where it is not tied
  SUAN_MEMBERS(transformer, lm_head)

 private:
  int64_t context_;
};

}  // namespace suan::models
