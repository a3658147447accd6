// Reductions over axes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct ReduceAttrs {
  std::vector<int64_t> axes;  // counted from the front, ascending, without repeats
  bool keep = false;          // keep reduced axes with size 1
  bool operator==(const ReduceAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"axes", &ReduceAttrs::axes}, Field{"keep", &ReduceAttrs::keep}};
  }
};

// All reductions: `axes` may be negative; empty means all axes. Throws Error when an axis is out of
// range or given twice. Sums of integers are i64; f16 and bf16 accumulate in f32.
Tensor sum(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);
// Largest element; NaN wins. Ties share the gradient evenly.
Tensor max(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);
// Smallest element; NaN wins. Ties share the gradient evenly.
Tensor min(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);
// Product; of integers in i64. The gradient is right where elements are 0.
Tensor prod(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);
// Arithmetic mean; of integers in f32.
Tensor mean(const Tensor& x, std::vector<int64_t> axes = {}, bool keep = false);

// Shared by the reductions' rules: the attributes for a call, and the output shape.
ReduceAttrs reduce_attrs(const Tensor& x, std::vector<int64_t> axes, bool keep,
                         std::string_view op);
Shape reduced_shape(const Shape& shape, const ReduceAttrs& attrs);
// g brought back to x's shape after a reduction with these attributes.
Tensor spread(const Tensor& g, const Shape& shape, const ReduceAttrs& attrs);

}  // namespace suan
