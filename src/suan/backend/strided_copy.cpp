// Strides of what an op reads and writes, over the dims of the smaller of the two.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/strided_copy.h"

#include <algorithm>
#include <cstdlib>

#include "suan/ops/concat.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan {
namespace {

// The box of a slice inside `whole`: its dims' strides there, and its first element.
struct Box {
  Shape strides;
  int64_t first = 0;
};
Box box_of(const Shape& whole, const std::vector<int64_t>& starts,
           const std::vector<int64_t>& steps) {
  Box box{whole.strides()};
  for (int i = 0; i < whole.rank(); ++i) {
    const auto d = static_cast<size_t>(i);
    box.first += starts[d] * box.strides[i];
    box.strides[i] *= steps[d];
  }
  return box;
}

StridedCopy copy_of(const Shape& shape, const Shape& from, const Shape& to) {
  StridedCopy copy;
  for (int i = 0; i < shape.rank(); ++i) copy.dims.push_back({shape[i], from[i], to[i]});
  return copy;
}

// Of the logical axes.
Shape strides_in(const Shape& logical, Layout layout) {
  const Shape strides = physical_shape(logical, layout).strides();
  if (layout == Layout::plain) return strides;
  Shape out{strides[0], strides.back()};
  for (int i = 1; i + 1 < strides.rank(); ++i) out.push_back(strides[i]);
  return out;
}

}  // namespace

bool StridedCopy::empty() const {
  return std::any_of(dims.begin(), dims.end(), [](const MoveDim& d) { return d.size == 0; });
}

void collapse(std::vector<MoveDim>& dims) {
  std::erase_if(dims, [](const MoveDim& d) { return d.size == 1; });
  std::stable_sort(dims.begin(), dims.end(), [](const MoveDim& a, const MoveDim& b) {
    return std::abs(a.to) > std::abs(b.to);
  });
  std::vector<MoveDim> merged;
  for (const MoveDim& d : dims) {
    if (!merged.empty() && merged.back().from == d.from * d.size &&
        merged.back().to == d.to * d.size) {
      merged.back() = {merged.back().size * d.size, d.from, d.to};
    } else {
      merged.push_back(d);
    }
  }
  dims = std::move(merged);
}

StridedCopies transpose_copies(const Node& node) {
  const auto& axes = node.attr<TransposeAttrs>().axes;
  const Shape& y = node.types[0].shape;
  const Shape strides = node.inputs[0].shape().strides();
  Shape from;
  for (int64_t axis : axes) from.push_back(strides[static_cast<int>(axis)]);
  return {copy_of(y, from, y.strides())};
}

StridedCopies broadcast_copies(const Node& node) {
  const Shape &x = node.inputs[0].shape(), &y = node.types[0].shape;
  const Shape strides = x.strides();
  const int lead = y.rank() - x.rank();
  Shape from;
  for (int i = 0; i < y.rank(); ++i) {
    const bool repeats = i < lead || x[i - lead] == 1;
    from.push_back(repeats ? 0 : strides[i - lead]);
  }
  return {copy_of(y, from, y.strides())};
}

StridedCopies slice_copies(const Node& node) {
  const auto& a = node.attr<SliceAttrs>();
  const Shape& y = node.types[0].shape;
  const Box box = box_of(node.inputs[0].shape(), a.starts, a.steps);
  StridedCopy copy = copy_of(y, box.strides, y.strides());
  copy.from = box.first;
  return {copy};
}

StridedCopies place_copies(const Node& node) {
  const auto& a = node.attr<PlaceAttrs>();
  const Shape& x = node.inputs[0].shape();
  const Box box = box_of(a.shape, a.starts, a.steps);
  StridedCopy copy = copy_of(x, x.strides(), box.strides);
  copy.to = box.first;
  return {copy};
}

StridedCopies concat_copies(const Node& node) {
  const Shape to = node.types[0].shape.strides();
  const int axis = normalize_axis(node.attr<ConcatAttrs>().axis, to.rank(), "axis");
  StridedCopies copies;
  int64_t first = 0;
  for (const Tensor& t : node.inputs) {
    copies.push_back(copy_of(t.shape(), t.shape().strides(), to));
    copies.back().to = first;
    first += t.shape()[axis] * to[axis];
  }
  return copies;
}

StridedCopies reorder_copies(const Node& node) {
  const Shape& shape = node.types[0].shape;
  return {copy_of(shape, strides_in(shape, layout_of(node.inputs[0])),
                  strides_in(shape, node.layout(0)))};
}

}  // namespace suan
