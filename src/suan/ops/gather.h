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
// What an update does to the element it meets. Of several updates of one element each meets what
// those before it left.
enum class Combine : uint8_t {
  set,  // replaces it: the last wins
  add,
  mul,
  max,  // NaN wins
  min,  // NaN wins
};
inline std::span<const std::string_view> enum_names(Combine) {
  static constexpr std::string_view kNames[] = {"set", "add", "mul", "max", "min"};
  return kNames;
}
struct ScatterAttrs {
  int64_t axis = 0;
  Combine combine = Combine::add;
  bool operator==(const ScatterAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &ScatterAttrs::axis}, Field{"combine", &ScatterAttrs::combine}};
  }
};

// y[a..., i..., b...] = x[a..., indices[i...], b...]: x [a..., size, b...], indices of i64 or i32
// and any rank (ONNX Gather, NumPy take). With axis 0 and a matrix x this is an embedding.
Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis = 0);
// x with updates [a..., i..., b...] combined into [a..., indices[i...], b...]. Gradients: that of
// `set` holds for indices without repeats, that of `mul` for updates other than 0 where indices
// repeat; those of `max` and `min` are shared evenly by ties.
Tensor scatter(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis = 0,
               Combine combine = Combine::add);
// y[..., i, ...] = x[..., indices[..., i, ...], ...]: indices has x's rank and, but for `axis`, at
// most x's sizes (ONNX GatherElements, NumPy take_along_axis, PyTorch gather).
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int64_t axis);
// x with updates, of indices' shape, combined into where take_along_axis would read (ONNX
// ScatterElements). Gradients as scatter's.
Tensor put_along_axis(const Tensor& x, const Tensor& indices, const Tensor& updates, int64_t axis,
                      Combine combine = Combine::add);

}  // namespace suan
