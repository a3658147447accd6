// Operations that move or repeat elements without computing: reshape, transpose, broadcast_to.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/layout.h"
#include "suan/graph/op_def.h"

namespace suan {

struct ShapeAttrs {
  Shape shape;
  bool operator==(const ShapeAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"shape", &ShapeAttrs::shape}}; }
};
struct TransposeAttrs {
  std::vector<int64_t> axes;  // y's axis i is x's axis axes[i]
  bool operator==(const TransposeAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"axes", &TransposeAttrs::axes}}; }
};
struct ReorderAttrs {
  int layout = 0;
  bool operator==(const ReorderAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"layout", &ReorderAttrs::layout}}; }
};

// The same elements in row-major order under another shape. One size may be given as -1 by the
// caller and is worked out. Throws Error when the element counts differ.
Tensor reshape(const Tensor& x, const Shape& shape);
// x with axes from `first` on merged into one: [n, c, h, w] -> [n, c h w].
Tensor flatten(const Tensor& x, int first = 1);
// Permuted axes; with none given, the last two swap.
Tensor transpose(const Tensor& x, std::vector<int64_t> axes = {});
// x repeated along new axes and axes of size 1 (NumPy's rule).
Tensor broadcast_to(const Tensor& x, const Shape& shape);
// x itself, as a constant for gradients.
Tensor stop_gradient(const Tensor& x);
// The same value in another storage layout. Made by the layout pass, not by users.
Tensor reorder(const Tensor& x, Layout layout);
// Whether the node's outputs are its first inputs' memory: a reshape of plain data, or an op that
// only forwards.
bool is_view(const Node& node);
// What the output of a view is: the input of the same number.
inline const Tensor& viewed(const Tensor& t) {
  return t.node().inputs[static_cast<size_t>(t.output())];
}

}  // namespace suan
