// What of a region the kernel takes, and why not the rest.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/weight_only_read.h"

#include <algorithm>

#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan::cpu {
namespace {

constexpr const char* kOtherAxis = "the scales vary along another axis than the columns";

bool takes_weights(DType dtype) {
  return dtype == DType::i4 || dtype == DType::u4 || dtype == DType::i8 || dtype == DType::u8;
}

// Scales that broadcast: one, or one for each column.
const char* read_broadcast(const Shape& scale, StoredWeights& out) {
  out.block = out.matrix.k;
  out.blocks = 1;
  out.one_scale = scale.numel() == 1;
  if (out.one_scale) return nullptr;
  const int columns = scale.rank() - (out.matrix.transposed ? 2 : 1);
  const bool fits =
      columns >= 0 && scale[columns] == out.matrix.n && scale.numel() == scale[columns];
  return fits ? nullptr : kOtherAxis;
}

const char* read_blocks(const DequantizeAttrs& attrs, StoredWeights& out) {
  if (attrs.axis != (out.matrix.transposed ? 1 : 0)) return kOtherAxis;
  out.block = std::min(attrs.block, out.matrix.k);
  out.blocks = (out.matrix.k + out.block - 1) / out.block;
  if (out.blocks > 1 && out.block % kDepth != 0) return "the blocks are no multiples of 8";
  return nullptr;
}

bool is_step_operand(const RowTail& tail, int operand) {
  return operand >= 0 && (tail.bias == operand ||
                          std::any_of(tail.steps.begin(), tail.steps.end(),
                                      [&](const RowStep& s) { return s.operand == operand; }));
}

}  // namespace

const char* read_stored_weights(const Node& product, const Node& dequantize, StoredWeights& out) {
  const auto& attrs = dequantize.attr<DequantizeAttrs>();
  const Tensor &x = product.inputs[0], &w = dequantize.inputs[0], &scale = dequantize.inputs[1];
  if (!takes_weights(w.dtype())) return "the weights are not i4, u4, i8 or u8";
  if (x.dtype() != DType::f32 || attrs.dtype != DType::f32 || scale.dtype() != DType::f32) {
    return "the product or its scales are not f32";
  }
  if (w.rank() != 2 || x.rank() < 2) return "it is a batch of products";
  if (product.attr<MatmulAttrs>().transpose_a) return "the left operand is transposed";
  if (product.types[0].shape.numel() == 0 || x.shape().numel() == 0) {
    return "there is nothing to multiply";
  }
  const bool transposed = product.attr<MatmulAttrs>().transpose_b;
  const Shape& shape = w.shape();
  out.matrix = {shape[transposed ? 1 : 0], shape[transposed ? 0 : 1], transposed};
  out.format.bits = w.dtype() == DType::i8 || w.dtype() == DType::u8 ? 8 : 4;
  out.format.has_sign = w.dtype() == DType::i8 || w.dtype() == DType::i4;
  out.has_zeros = dequantize.inputs.size() > 2 && dequantize.inputs[2];
  return attrs.block == 0 ? read_broadcast(scale.shape(), out) : read_blocks(attrs, out);
}

const char* read_weight_only(const Graph& region, WeightOnly& out) {
  RegionChain chain;
  if (const char* reason = read_dequantized_chain(region, Op::matmul, chain)) return reason;
  if (const char* reason = read_stored_weights(*chain.anchor, *chain.dequantized, out.weights)) {
    return reason;
  }
  if (const char* reason = read_row_tail(chain, out.tail)) return reason;
  const std::vector<Tensor>& stored = chain.dequantized->inputs;
  out.dequantize = chain.dequantized;
  out.x = chain.inputs[0];
  out.w = chain.inputs[1];
  out.scales = operand_of(region, stored[1]);
  if (out.weights.has_zeros) out.zeros = operand_of(region, stored[2]);
  for (const int packed : {out.scales, out.zeros}) {
    if (packed == out.x || is_step_operand(out.tail, packed)) {
      return "what is added is the scales, which are packed";
    }
  }
  return nullptr;
}

std::vector<WeightSegment> segments_of(const StoredWeights& weights) {
  std::vector<WeightSegment> segments;
  for (int64_t b = 0; b < weights.blocks; ++b) {
    const int64_t end = std::min((b + 1) * weights.block, weights.matrix.k);
    for (int64_t k = b * weights.block; k < end; k += kSegment) {
      segments.push_back({k, std::min(kSegment, end - k), b});
    }
  }
  return segments;
}

}  // namespace suan::cpu
