// Rules of slice and place, which are each other's gradients.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/slice.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef slice_op, place_op;

namespace {

double no_flops(const Node&) { return 0; }

// Whether positions start + i step, i < size, lie inside [0, room). No step of it can overflow.
bool fits(int64_t room, int64_t start, int64_t size, int64_t step) {
  if (step == 0 || size < 0 || size > room) return false;
  if (size == 0) return true;
  if (start < 0 || start >= room) return false;
  if (size == 1) return true;
  const int64_t most = (room - 1) / (size - 1);
  if (step > most || step < -most) return false;
  const int64_t last = start + (size - 1) * step;
  return last >= 0 && last < room;
}

void check_positions(std::string_view op, const Shape& whole, const std::vector<int64_t>& starts,
                     const std::vector<int64_t>& sizes, const std::vector<int64_t>& steps) {
  const auto rank = static_cast<size_t>(whole.rank());
  if (starts.size() != rank || sizes.size() != rank || steps.size() != rank) {
    fail(op, "got {} starts, {} sizes and {} steps for shape {}", starts.size(), sizes.size(),
         steps.size(), to_string(whole));
  }
  for (size_t i = 0; i < rank; ++i) {
    if (!fits(whole[static_cast<int>(i)], starts[i], sizes[i], steps[i])) {
      fail(op, "start {}, size {} and step {} do not fit axis {} of {}", starts[i], sizes[i],
           steps[i], i, to_string(whole));
    }
  }
}

std::vector<int64_t> list(const Shape& shape) { return {shape.begin(), shape.end()}; }

// Python's rule for one axis: the first position and how many follow.
std::pair<int64_t, int64_t> range(int64_t start, int64_t end, int64_t step, int64_t room) {
  const int64_t least = step > 0 ? 0 : -1, most = step > 0 ? room : room - 1;
  if (start < 0) start += room;
  if (end < 0 && end >= -room) end += room;
  start = std::clamp(start, least, most);
  end = std::clamp(end, least, most);
  const int64_t span = step > 0 ? end - start : start - end;
  const int64_t stride = step > 0 ? step : step == INT64_MIN ? INT64_MAX : -step;
  return {start, span <= 0 ? 0 : (span - 1) / stride + 1};
}

}  // namespace

const OpDef slice_op{
    .code = Op::slice,
    .name = "slice",
    .doc = "Elements at regular positions: y[i] = x[start + i step] along each axis.",
    .inputs = {"x"},
    .attrs = &kAttrsType<SliceAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<SliceAttrs>();
      check_positions(c.name(), c.shape(0), a.starts, a.sizes, a.steps);
      return {Type(c.dtype(0), Shape(a.sizes))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& a = c.attr<SliceAttrs>();
      return {place(c.grad(), {a.starts, a.steps, c.in(0).shape()})};
    },
    .keeps_zero = true,
    .flops = no_flops,
};

const OpDef place_op{
    .code = Op::place,
    .name = "place",
    .doc = "x among zeros: y[start + i step] = x[i] along each axis, the adjoint of slice.",
    .inputs = {"x"},
    .attrs = &kAttrsType<PlaceAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<PlaceAttrs>();
      check_positions(c.name(), a.shape, a.starts, list(c.shape(0)), a.steps);
      return {Type(c.dtype(0), a.shape)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& a = c.attr<PlaceAttrs>();
      return {make(slice_op, {c.grad()}, SliceAttrs{a.starts, list(c.in(0).shape()), a.steps})};
    },
    .keeps_zero = true,
    .flops = no_flops,
};
Tensor place(const Tensor& x, PlaceAttrs attrs) { return make(place_op, {x}, std::move(attrs)); }

Tensor slice(const Tensor& x, std::vector<int64_t> starts, const std::vector<int64_t>& ends,
             std::vector<int64_t> axes, std::vector<int64_t> steps) {
  if (axes.empty()) {
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    fail("slice", "got {} starts, {} ends, {} axes and {} steps, expected as many of each",
         starts.size(), ends.size(), axes.size(), steps.size());
  }
  const auto rank = static_cast<size_t>(x.rank());
  SliceAttrs attrs{std::vector<int64_t>(rank, 0), list(x.shape()), std::vector<int64_t>(rank, 1)};
  std::vector<bool> seen(rank);
  bool whole = true;
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<size_t>(normalize_axis(axes[i], x.rank(), "slice"));
    if (seen[axis]) fail("slice", "axis {} is given twice", axes[i]);
    seen[axis] = true;
    if (steps[i] == 0) fail("slice", "the step of axis {} is 0", axes[i]);
    const int64_t room = x.shape()[static_cast<int>(axis)];
    const auto [start, size] = range(starts[i], ends[i], steps[i], room);
    attrs.starts[axis] = size ? start : 0;
    attrs.sizes[axis] = size;
    attrs.steps[axis] = size > 1 ? steps[i] : 1;
    whole = whole && size == room && attrs.steps[axis] == 1;
  }
  return whole ? x : make(slice_op, {x}, std::move(attrs));
}

Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t end) {
  return slice(x, {start}, {end}, {axis});
}

Tensor take(const Tensor& x, int64_t axis, int64_t index) {
  const int a = normalize_axis(axis, x.rank(), "take");
  const int64_t size = x.shape()[a];
  if (index < -size || index >= size) {
    fail("take", "index {} is out of range for axis {} of {}", index, axis, to_string(x.shape()));
  }
  const int64_t at = index < 0 ? index + size : index;
  Shape shape = x.shape();
  shape.erase(a);
  return reshape(narrow(x, a, at, at + 1), shape);
}

Tensor flip(const Tensor& x, std::vector<int64_t> axes) {
  if (axes.empty()) {
    for (int i = 0; i < x.rank(); ++i) axes.push_back(i);
  }
  const std::vector<int64_t> starts(axes.size(), INT64_MAX), ends(axes.size(), INT64_MIN);
  return slice(x, starts, ends, axes, std::vector<int64_t>(axes.size(), -1));
}

}  // namespace suan
