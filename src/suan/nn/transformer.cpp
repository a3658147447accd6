// Transformer blocks.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/transformer.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"

namespace suan::nn {
namespace {

int64_t hidden_width(int64_t width, const TransformerOptions& options) {
  return options.hidden > 0 ? options.hidden : 4 * width;
}

}  // namespace

TransformerBlock::TransformerBlock(int64_t width, int64_t heads, TransformerOptions options)
    : self_attn(width, heads, {.causal = options.causal, .dropout = options.dropout}),
      linear1(width, hidden_width(width, options)),
      linear2(hidden_width(width, options), width),
      norm1(width),
      norm2(width),
      dropout(options.dropout),
      dropout1(options.dropout),
      dropout2(options.dropout),
      norm_first_(options.norm_first),
      activation_(activation(options.activation)) {}

Tensor TransformerBlock::feed_forward(const Tensor& x) const {
  return dropout2(linear2(dropout(activation_(linear1(x)))));
}

Tensor TransformerBlock::operator()(const Tensor& x, const AttentionMask& mask) const {
  if (norm_first_) {
    const Tensor y = x + dropout1(self_attn(norm1(x), mask));
    return y + feed_forward(norm2(y));
  }
  const Tensor y = norm1(x + dropout1(self_attn(x, mask)));
  return norm2(y + feed_forward(y));
}

TransformerEncoder::TransformerEncoder(int64_t count, int64_t width, int64_t heads,
                                       TransformerOptions options) {
  if (count < 1) fail("TransformerEncoder", "got {} layers, expected 1 or more", count);
  for (int64_t i = 0; i < count; ++i) layers.emplace_back(width, heads, options);
  if (options.norm_first) norm.emplace(width);
}

Tensor TransformerEncoder::operator()(const Tensor& x, const AttentionMask& mask) const {
  Tensor y = x;
  for (const TransformerBlock& layer : layers) y = layer(y, mask);
  return norm ? (*norm)(y) : y;
}

}  // namespace suan::nn
