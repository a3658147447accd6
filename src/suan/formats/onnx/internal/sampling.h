// Reading images between their elements, at places that are data: what GridSample, DeformConv and
// RoiAlign have in common. Pixels become rows of channels; a sampled point is a sparse row times
// them. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {

// What points read along one axis of `size` elements. All tensors are [points..., taps], with
// points of any rank that broadcast between axes.
struct AxisTaps {
  int64_t size = 0;
  Tensor at;      // i64 in [0, size)
  Tensor weight;  // undefined: 1
  Tensor inside;  // bool: whether the tap counts; undefined: all do
};

// The two elements around a place, or the four of cubic interpolation with Keys' a = -0.75, by
// place [points...] in elements. Taps outside do not count.
AxisTaps linear_taps(const Tensor& place, int64_t size);
Tensor tap_positions(const Tensor& place, int64_t first, int64_t count);  // floats, [points, count]
Tensor linear_weights(const Tensor& place, const Tensor& positions);
Tensor cubic_weights(const Tensor& place, const Tensor& positions);
// Marks taps outside [0, size) and moves them inside.
AxisTaps bounded(const Tensor& positions, const Tensor& weight, int64_t size);

// The taps of all axes together: [points..., taps of the first axis, of the second...].
struct Taps {
  Shape points;              // of the result
  Tensor row;                // i64
  Tensor weight;             // undefined: 1
  bool has_outside = false;  // rows equal to `outside_row` stand for zeros
};
// `base` [points...]: the row of the image's first element.
Taps combine(const std::vector<AxisTaps>& axes, const Tensor& base, int64_t outside_row);
// y [points, channels] = the sum over taps of weight times row; rows [count, channels].
Tensor blend(const Tensor& rows, const Taps& taps);

// x [a, channels, spatial...] as [a elements, channels].
Tensor pixel_rows(const Tensor& x);

}  // namespace suan::onnx
