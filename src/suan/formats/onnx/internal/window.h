// The windows that convolutions and poolings slide over the spatial axes: the attributes
// kernel_shape, strides, dilations, pads and auto_pad of a node, checked.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/elementwise.h"

namespace suan::onnx {

struct Window {
  std::vector<int64_t> kernel, stride, dilation, begin, end;  // an entry for each spatial axis

  size_t axes() const { return kernel.size(); }
  int64_t extent(size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }
};

enum class AutoPad : uint8_t { notset, same_upper, same_lower, valid };
AutoPad auto_pad_of(const NodeView& n);
// Shares `total` between begin and end of an axis.
void share_padding(Window& window, size_t axis, int64_t total, bool more_at_end);

// Of x [n, c, spatial...]; begin and end are those of `pads`. `kernel` is that of the weights;
// where it is empty, kernel_shape says it.
Window read_window(const NodeView& n, const Shape& x, std::span<const int64_t> kernel = {});
// The same with auto_pad in place of pads where it asks for it.
Window padded_window(const NodeView& n, const Shape& x, std::span<const int64_t> kernel = {});

// Half precision is computed in f32: its products are exact, and the kernels for it are fast.
inline Tensor widened(const Tensor& x) { return x.dtype() == DType::f16 ? cast(x, DType::f32) : x; }

}  // namespace suan::onnx
