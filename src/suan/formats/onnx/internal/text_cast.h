// Casts that may meet text, which a graph cannot compute with: those need known values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {

// Cast to any dtype. Numbers become text as NumPy prints them; text is read as a number.
Tensor cast_any(const NodeView& node, const Tensor& x, DType to);

}  // namespace suan::onnx
