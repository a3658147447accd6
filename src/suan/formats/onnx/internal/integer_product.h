// Exact products of 8-bit integers, written in floats: what kernels for integers recognise, and
// what is as exact without them, since no sum is longer than f32 adds whole numbers exactly.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/conv.h"

namespace suan::onnx {

// The value computed at once, where it follows from constants; else as it is.
Tensor folded(const Tensor& x);

// An operand: its integers count from a zero point, which broadcasts against them. Undefined: 0.
struct Factor {
  Tensor q, zero;

  bool is_known() const;
  Tensor floats() const;  // q - zero
  Factor narrowed(int axis, int64_t begin, int64_t end) const;
};
// Nothing in place of zero points that are known to be 0: kernels take what has none.
Tensor zero_or_none(const Tensor& zero);
// The same in i8 without a zero point, where weights in u8 are known to have that of 128.
Factor simplest(const Factor& weights);
// Operand `input` of the node, i8 or u8; weights are in their simplest form. Throws Error.
Factor data_factor(const NodeView& n, int input, const Tensor& zero);
Factor weight_factor(const NodeView& n, int input, const Tensor& zero);

// Whole numbers, in f32 where these hold them all, else in i32.
Tensor integer_matmul(const NodeView& n, const Factor& a, const Factor& b);
Tensor integer_conv(const Factor& x, const Factor& w, ConvAttrs attrs);

}  // namespace suan::onnx
