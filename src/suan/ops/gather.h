// Elements chosen by indices that are data: gather and scatter along one axis, and their
// elementwise kin. An index counts from the back when negative; one outside [-size, size) makes the
// run throw Error(kOutOfRange). SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct GatherAttrs {
  int64_t axis = 0;  // negative counts from the back
  bool operator==(const GatherAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"axis", &GatherAttrs::axis}}; }
};
struct ScatterAttrs {
  int64_t axis = 0;
  bool add = true;  // add to what is there; false: replace it, the last of equal indices wins
  bool operator==(const ScatterAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &ScatterAttrs::axis}, Field{"add", &ScatterAttrs::add}};
  }
};

// y[a..., i..., b...] = x[a..., indices[i...], b...]: x [a..., size, b...], indices of i64 or i32
// and any rank (ONNX Gather, NumPy take). With axis 0 and a matrix x this is an embedding.
Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis = 0);
// x with updates [a..., i..., b...] added (or set) at [a..., indices[i...], b...]. With add = false
// the gradient holds for indices without repeats.
Tensor scatter(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis = 0,
               bool add = true);
// y[..., i, ...] = x[..., indices[..., i, ...], ...]: indices has x's rank and, but for `axis`, at
// most x's sizes (ONNX GatherElements, NumPy take_along_axis, PyTorch gather).
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int64_t axis);
// x with updates, of indices' shape, added (or set) where take_along_axis would read (ONNX
// ScatterElements).
Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis,
                      bool add = true);

}  // namespace suan
