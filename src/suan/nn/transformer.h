// Transformer blocks and a stack of them. Names and start as in torch.nn.TransformerEncoder.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "suan/nn/activation.h"
#include "suan/nn/attention.h"
#include "suan/nn/norm.h"

namespace suan::nn {

struct TransformerOptions {
  int64_t hidden = 0;  // width of the feed-forward layer; 0: four times the width
  bool causal = false;
  bool norm_first = true;  // x + f(norm(x)); else norm(x + f(x))
  double dropout = 0.1;
  std::string_view activation = "gelu";
};

// x + attention, then x + linear2(activation(linear1(x))), each with its layer norm and dropout.
struct TransformerBlock : Module {
  TransformerBlock(int64_t width, int64_t heads, TransformerOptions options = {});
  Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const;

  MultiheadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;
  Dropout dropout, dropout1, dropout2;
  SUAN_MEMBERS(self_attn, linear1, linear2, norm1, norm2, dropout, dropout1, dropout2)

 private:
  Tensor feed_forward(const Tensor& x) const;
  bool norm_first_;
  Activation activation_;
};

// `layers` blocks, and a last layer norm where the blocks normalise first.
struct TransformerEncoder : Module {
  TransformerEncoder(int64_t layers, int64_t width, int64_t heads, TransformerOptions options = {});
  Tensor operator()(const Tensor& x, const AttentionMask& mask = {}) const;

  ModuleList<TransformerBlock> layers;
  std::optional<LayerNorm> norm;
  SUAN_MEMBERS(layers, norm)
};

}  // namespace suan::nn
