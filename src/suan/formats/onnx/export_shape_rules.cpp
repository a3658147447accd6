// How ops leave that move, cut, join or make elements.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/arange.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/reduce.h"
#include "suan/ops/resize.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/split.h"

namespace suan::onnx {
namespace {

Names emit_full(Emitter& e, const Node& n) {
  const auto& a = n.attr<FullAttrs>();
  if (a.shape.rank() == 0) return {e.number(a.value, a.dtype)};
  return {e.filled(a.value, a.shape, a.dtype)};
}

// Range computes whole numbers exactly; others are made of them as the op makes them.
Names emit_arange(Emitter& e, const Node& n) {
  const auto& a = n.attr<ArangeAttrs>();
  const auto range = [&](int64_t start, int64_t step) {
    return e.one("Range", {e.scalar(start), e.scalar(start + step * a.count), e.scalar(step)});
  };
  constexpr double kExact = 1LL << 52;
  const double last = a.start + a.step * static_cast<double>(a.count);
  const bool whole = std::nearbyint(a.start) == a.start && std::nearbyint(a.step) == a.step &&
                     std::abs(a.start) < kExact && std::abs(last) < kExact && a.step != 0;
  if (whole) {
    const auto start = static_cast<int64_t>(a.start), step = static_cast<int64_t>(a.step);
    return {e.cast(range(start, step), DType::i64, a.dtype)};
  }
  std::string y = e.cast(range(0, 1), DType::i64, DType::f64);
  y = e.one("Mul", {y, e.number(a.step, DType::f64)});
  y = e.one("Add", {y, e.number(a.start, DType::f64)});
  return {e.cast(y, DType::f64, a.dtype)};
}

Names emit_broadcast(Emitter& e, const Node& n) {
  return {e.one("Expand", {e.of(n.inputs[0]), e.sizes(n.types[0].shape)})};
}
Names emit_reshape(Emitter& e, const Node& n) {
  return {e.reshape(e.of(n.inputs[0]), n.types[0].shape)};
}
Names emit_transpose(Emitter& e, const Node& n) {
  return e.add("Transpose", e.inputs_of(n), {{"perm", n.attr<TransposeAttrs>().axes}});
}
Names emit_concat(Emitter& e, const Node& n) {
  return e.add("Concat", e.inputs_of(n), {{"axis", n.attr<ConcatAttrs>().axis}});
}
Names emit_split(Emitter& e, const Node& n) {
  const auto& a = n.attr<SplitAttrs>();
  return e.add("Split", {e.of(n.inputs[0]), e.ints(a.sizes)}, {{"axis", a.axis}}, n.types.size());
}

// Only axes that are cut are named.
Names emit_slice(Emitter& e, const Node& n) {
  const auto& a = n.attr<SliceAttrs>();
  const Shape& x = n.inputs[0].shape();
  Ints starts, ends, axes, steps;
  for (int i = 0; i < x.rank(); ++i) {
    const auto k = static_cast<size_t>(i);
    const int64_t start = a.starts[k], size = a.sizes[k], step = a.steps[k];
    if (start == 0 && size == x[i] && (step == 1 || size <= 1)) continue;
    axes.push_back(i);
    steps.push_back(size <= 1 ? 1 : step);
    starts.push_back(size == 0 ? 0 : start);
    const int64_t last = size == 0 ? -1 : start + (size - 1) * steps.back();
    // Going down to the first element, the end lies before all elements.
    const int64_t end = last + (steps.back() > 0 ? 1 : -1);
    ends.push_back(end < 0 ? -x[i] - 1 : end);
  }
  if (axes.empty()) return {e.of(n.inputs[0])};
  return {e.one("Slice",
                {e.of(n.inputs[0]), e.ints(starts), e.ints(ends), e.ints(axes), e.ints(steps)})};
}

// x with step - 1 zeros between the elements along an axis.
Tensor spread_out(const Tensor& x, int axis, int64_t step) {
  Shape column = x.shape(), merged = x.shape();
  column.insert(axis + 1, 1);
  std::vector<int64_t> begin(static_cast<size_t>(column.rank())), end = begin;
  end[static_cast<size_t>(axis) + 1] = step - 1;
  merged[axis] = x.shape()[axis] * step;
  const Tensor wide = reshape(pad(reshape(x, column), begin, end), merged);
  return narrow(wide, axis, 0, merged[axis] - (step - 1));
}

// Zeros around and between.
Tensors lower_place(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<PlaceAttrs>();
  if (n->inputs[0].shape().numel() == 0) return {zeros(a.shape, n->types[0].dtype)};
  Tensor y = n->inputs[0];
  std::vector<int64_t> begin, end;
  for (int i = 0; i < a.shape.rank(); ++i) {
    const auto k = static_cast<size_t>(i);
    const int64_t size = y.shape()[i], step = a.steps[k];
    const int64_t first = std::min(a.starts[k], a.starts[k] + (size - 1) * step);
    if (size > 1 && step < 0) y = flip(y, {i});
    if (size > 1 && std::abs(step) > 1) y = spread_out(y, i, std::abs(step));
    begin.push_back(first);
    end.push_back(a.shape[i] - first - y.shape()[i]);
  }
  return {pad(y, begin, end)};
}

Names emit_pad(Emitter& e, const Node& n) {
  const auto& a = n.attr<PadAttrs>();
  Ints pads = a.begin;
  pads.insert(pads.end(), a.end.begin(), a.end.end());
  Names inputs{e.of(n.inputs[0]), e.ints(pads)};
  if (a.value != 0) inputs.push_back(e.number(a.value, n.types[0].dtype));
  return e.add("Pad", std::move(inputs));
}

// The result that each tap is a part of.
std::vector<int64_t> owners_of(const ResizeTaps& taps) {
  std::vector<int64_t> owners;
  for (size_t i = 0; i + 1 < taps.first.size(); ++i) {
    owners.insert(owners.end(), static_cast<size_t>(taps.first[i + 1] - taps.first[i]),
                  static_cast<int64_t>(i));
  }
  return owners;
}
// Whether every result has as many taps.
bool is_even(const ResizeTaps& taps) {
  const int64_t each = taps.first[1];
  for (size_t i = 0; i + 1 < taps.first.size(); ++i) {
    if (taps.first[i + 1] - taps.first[i] != each) return false;
  }
  return true;
}

// Each result is a weighted sum of a few elements: where all have as many, a sum over an axis of
// them, else a scatter.
Tensors lower_resize(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<ResizeAttrs>();
  const DType dtype = n->types[0].dtype, exact = wide(dtype);
  const auto axis = static_cast<int>(a.axis);
  const ResizeTaps taps = resize_taps(a, n->inputs[0].shape()[axis]);
  const auto count = static_cast<int64_t>(taps.at.size());
  const Tensor read = gather(n->inputs[0], Tensor::from(Array::list(taps.at)), axis);
  const bool copies = std::ranges::count(taps.weight, 1.0) == count;
  if (copies && count == a.size && is_even(taps)) return {read};
  Shape along = Shape::filled(read.rank(), 1);
  along[axis] = count;
  const Tensor weights = cast(Tensor::from(Array::list(taps.weight)), exact);
  const Tensor parts = cast(read, exact) * reshape(weights, along);
  Shape shape = n->types[0].shape;
  if (!is_even(taps)) {
    const Tensor owners = Tensor::from(Array::list(owners_of(taps)));
    return {cast(scatter(zeros(shape, exact), owners, parts, axis), dtype)};
  }
  shape.insert(axis + 1, taps.first[1]);
  return {cast(sum(reshape(parts, shape), {axis + 1}), dtype)};
}

constexpr ExportRule kRules[] = {
    {.op = Op::full, .emit = emit_full},
    {.op = Op::arange, .emit = emit_arange},
    {.op = Op::broadcast_to, .emit = emit_broadcast},
    {.op = Op::reshape, .emit = emit_reshape},
    {.op = Op::transpose, .emit = emit_transpose},
    {.op = Op::concat, .emit = emit_concat},
    {.op = Op::split, .emit = emit_split},
    {.op = Op::slice, .emit = emit_slice},
    {.op = Op::place, .lower = lower_place},
    {.op = Op::pad, .emit = emit_pad},
    {.op = Op::resize, .lower = lower_resize},
};

}  // namespace

std::span<const ExportRule> export_shape_rules() { return kRules; }

}  // namespace suan::onnx
