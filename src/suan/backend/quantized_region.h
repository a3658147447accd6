// QuantizedRegion: a region that computes a product of quantized operands: dequantize nodes, a
// convolution or matrix product, a chain of elementwise operations, and perhaps quantize. Written
// in floats it is what integers compute at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "suan/backend/region_chain.h"

namespace suan {

// A quantized value as the region takes it: one scale and zero point for all of it.
struct QuantizedOperand {
  int operand = -1;  // of the node that has the region
  float scale = 1;
  int zero = 0;
  DType dtype = DType::i8;
};

struct QuantizedRegion {
  // An elementwise operation after the product, whose other operand may be a quantized value.
  struct Link : RegionChain::Link {
    QuantizedOperand quantized;  // operand >= 0: it is one
  };
  const Node* product = nullptr;
  QuantizedOperand x;
  int weights = -1;  // operand
  DType weights_dtype = DType::i8;
  std::optional<float> weights_scale;  // one for all, or
  int weights_scales = -1;             // the operand with one for each output channel
  int bias = -1;                       // operand of a convolution
  std::vector<Link> links;
  std::optional<QuantizedOperand> result;  // its scale, zero point and dtype (no operand)
};

// Null, or the reason why the region is none of these. Looks at the region alone, not at the
// operands' values.
const char* read_quantized(const Graph& region, QuantizedRegion& out);
const char* read_quantized(const Node& node, QuantizedRegion& out);

// The scale of each of n output channels: those of `node`'s constant operand, or one repeated.
std::vector<float> weight_scales(const Node& node, const QuantizedRegion& region, int64_t n);

// For the pass that makes such regions: whether both factors of a product come from dequantize,
// with constants as the weights' scales and no zero points of weights.
bool multiplies_quantized(const Node& product);

}  // namespace suan
