// Parts of a tensor: slice, its adjoint, and what is made of them (flip, take).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// One entry per axis: y's element i along an axis is x's element start + i step.
struct SliceAttrs {
  std::vector<int64_t> starts;
  std::vector<int64_t> sizes;
  std::vector<int64_t> steps;
  bool operator==(const SliceAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"starts", &SliceAttrs::starts}, Field{"sizes", &SliceAttrs::sizes},
                      Field{"steps", &SliceAttrs::steps}};
  }
};
struct PlaceAttrs {
  std::vector<int64_t> starts;
  std::vector<int64_t> steps;
  Shape shape;  // of the result
  bool operator==(const PlaceAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"starts", &PlaceAttrs::starts}, Field{"steps", &PlaceAttrs::steps},
                      Field{"shape", &PlaceAttrs::shape}};
  }
};

// Elements start, start + step, ... before `end` along each of `axes` (ONNX Slice, NumPy's
// x[a:b:s]). Negative positions count from the back, positions beyond an end stop at it. Empty
// axes: the first ones; empty steps: 1. Throws Error when lists differ in length, a step is 0 or an
// axis is given twice.
Tensor slice(const Tensor& x, std::vector<int64_t> starts, const std::vector<int64_t>& ends,
             std::vector<int64_t> axes = {}, std::vector<int64_t> steps = {});
// Elements [start, end) along one axis.
Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t end);
// Element `index` along one axis, which vanishes. Throws Error when it is out of range.
Tensor take(const Tensor& x, int64_t axis, int64_t index);
// The order of elements along these axes (all when empty) turned round.
Tensor flip(const Tensor& x, std::vector<int64_t> axes = {});
// x's elements at positions start + i step of a tensor of zeros: the adjoint of slice.
Tensor place(const Tensor& x, PlaceAttrs attrs);

}  // namespace suan
