// How matrix products, convolutions and poolings leave.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/pad.h"
#include "suan/ops/pool.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

Names emit_matmul(Emitter& e, const Node& n) {
  constexpr DTypes kTaken = kAllFloats | kWideIntegers;
  const auto& a = n.attr<MatmulAttrs>();
  const Tensor &x = n.inputs[0], &y = n.inputs[1];
  const bool turned = a.transpose_a || a.transpose_b;
  if (turned && x.rank() == 2 && y.rank() == 2) {
    return e.typed(n, "Gemm", kTaken,
                   {{"transA", int64_t{a.transpose_a}}, {"transB", int64_t{a.transpose_b}}});
  }
  const DType given = x.dtype(), used = e.computed_in(given, kTaken, "MatMul");
  const auto operand = [&](const Tensor& t, bool transposed) {
    std::string name = e.cast(e.of(t), given, used);
    if (!transposed) return name;
    Ints axes;
    for (int i = 0; i < t.rank(); ++i) axes.push_back(i);
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    return e.one("Transpose", {name}, {{"perm", axes}});
  };
  const std::string product =
      e.one("MatMul", {operand(x, a.transpose_a), operand(y, a.transpose_b)});
  return {e.cast(product, used, given)};
}

Ints joined(Ints begin, const Ints& end) {
  begin.insert(begin.end(), end.begin(), end.end());
  return begin;
}
Ints spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

NodeAttrs window_attrs(const ConvAttrs& a, const Shape& w) {
  return {{"kernel_shape", spatial(w)},
          {"strides", a.stride},
          {"pads", joined(a.pad_begin, a.pad_end)},
          {"dilations", a.dilation},
          {"group", a.groups}};
}

Names emit_conv(Emitter& e, const Node& n) {
  return e.typed(n, "Conv", kFloats, window_attrs(n.attr<ConvAttrs>(), n.inputs[1].shape()));
}

// What a stride leaves open of the result's size is taken off the padding, or added as zeros.
Names emit_conv_transpose(Emitter& e, const Node& n) {
  ConvAttrs a = n.attr<ConvAttrs>();
  const Shape &x = n.inputs[0].shape(), &w = n.inputs[1].shape();
  Ints more;
  for (size_t i = 0; i < a.size.size(); ++i) {
    const int s = static_cast<int>(i) + 2;
    const int64_t all = (x[s] - 1) * a.stride[i] + a.dilation[i] * (w[s] - 1) + 1;
    const int64_t rest = a.size[i] - (all - a.pad_begin[i] - a.pad_end[i]);
    const int64_t uncut = std::min(rest, a.pad_end[i]);
    a.pad_end[i] -= uncut;
    more.push_back(rest - uncut);
  }
  NodeAttrs attrs = window_attrs(a, w);
  attrs.emplace_back("output_padding", more);
  return e.typed(n, "ConvTranspose", kFloats, attrs);
}

// A convolution too: of x's channels as samples with g's as kernels, where stride and dilation
// change places.
Tensors lower_weight_gradient(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<ConvAttrs>();
  const Tensor &x = n->inputs[0], &g = n->inputs[1];
  const int rank = x.rank();
  const int64_t samples = x.shape()[0], groups = a.groups;
  // [n, groups c, ...] to [n, groups, c, ...]; which axis comes first differs.
  const auto turned = [&](const Tensor& t, bool channels_first) {
    Shape parted = t.shape();
    parted[1] = t.shape()[1] / groups;
    parted.insert(1, groups);
    std::vector<int64_t> order =
        channels_first ? std::vector<int64_t>{2, 1, 0} : std::vector<int64_t>{1, 2, 0};
    for (int i = 3; i <= rank; ++i) order.push_back(i);
    Shape merged = t.shape();
    merged[0] = channels_first ? parted[2] : t.shape()[1];
    merged[1] = channels_first ? groups * samples : samples;
    return reshape(transpose(reshape(t, parted), order), merged);
  };
  Tensor y = conv(turned(x, true), turned(g, false), {},
                  {.stride = a.dilation,
                   .pad_begin = a.pad_begin,
                   .pad_end = a.pad_end,
                   .dilation = a.stride,
                   .groups = groups});
  std::vector<int64_t> order{1, 0};
  for (int i = 2; i < rank; ++i) {
    order.push_back(i);
    y = narrow(y, i, 0, a.size[static_cast<size_t>(i) - 2]);
  }
  return {transpose(y, order)};
}

NodeAttrs pool_attrs(const PoolAttrs& a) {
  NodeAttrs attrs{
      {"kernel_shape", a.kernel}, {"strides", a.stride}, {"pads", joined(a.pad_begin, a.pad_end)}};
  if (!a.dilation.empty()) attrs.emplace_back("dilations", a.dilation);
  return attrs;
}

constexpr DTypes kPooled = kFloats | set_of(DType::i8) | set_of(DType::u8);

// The elements that position `at` of every window has, of x with its padding.
Tensor window_part(const Tensor& padded, const Shape& at, const PoolAttrs& a, const Shape& y) {
  std::vector<int64_t> starts, ends, axes, steps;
  for (int i = 0; i < at.rank(); ++i) {
    const auto k = static_cast<size_t>(i);
    starts.push_back(at[i] * dilation_of(a, k));
    ends.push_back(starts.back() + (y[i + 2] - 1) * a.stride[k] + 1);
    axes.push_back(i + 2);
    steps.push_back(a.stride[k]);
  }
  return slice(padded, starts, ends, axes, steps);
}

// Integers that MaxPool does not take: the largest of the windows' elements, one position after
// the other.
Tensors lower_max_pool(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<PoolAttrs>();
  const Tensor& x = n->inputs[0];
  if (is_float(x.dtype()) || (kPooled & set_of(x.dtype()))) return {};
  std::vector<int64_t> begin(2), end(2);
  const Tensor padded =
      pad(x, joined(begin, a.pad_begin), joined(end, a.pad_end), lowest(x.dtype()));
  const Shape window(a.kernel);
  Shape at = Shape::filled(window.rank(), 0);
  Tensor y;
  do {
    const Tensor part = window_part(padded, at, a, n->types[0].shape);
    y = y ? maximum(y, part) : part;
  } while (next_index(at, window));
  return {y};
}
Names emit_max_pool(Emitter& e, const Node& n) {
  return e.typed(n, "MaxPool", kPooled, pool_attrs(n.attr<PoolAttrs>()));
}

// MaxPool's second result says where in all of x the largest elements are.
Names emit_max_pool_gradient(Emitter& e, const Node& n) {
  const DType given = n.inputs[0].dtype(), used = e.computed_in(given, kFloats, "MaxPool");
  const auto operand = [&](int i) {
    return e.cast(e.of(n.inputs[static_cast<size_t>(i)]), given, used);
  };
  const Names pooled = e.add("MaxPool", {operand(0)}, pool_attrs(n.attr<PoolAttrs>()), 2);
  const Shape& x = n.types[0].shape;
  const std::string all = e.filled(0, {x.numel()}, used);
  const Shape flat{n.inputs[1].shape().numel()};
  const std::string sums =
      e.one("ScatterElements", {all, e.reshape(pooled[1], flat), e.reshape(operand(1), flat)},
            {{"axis", 0}, {"reduction", "add"}});
  return {e.cast(e.reshape(sums, x), used, given)};
}

Names emit_avg_pool(Emitter& e, const Node& n) {
  const auto& a = n.attr<PoolAttrs>();
  if (!a.dilation.empty()) e.need(19, "avg_pool with a dilation");
  NodeAttrs attrs = pool_attrs(a);
  attrs.emplace_back("count_include_pad", int64_t{a.count_padding});
  return e.typed(n, "AveragePool", kFloats, attrs);
}

// How many elements each window has inside x, [1, 1, windows...].
Array window_counts(const PoolAttrs& a, const Shape& windows) {
  Shape shape = windows;
  shape[0] = shape[1] = 1;
  Array counts(DType::f64, shape);
  Shape at = Shape::filled(shape.rank(), 0);
  int64_t position = 0;
  do {
    double count = 1;
    for (size_t k = 0; k < a.kernel.size(); ++k) {
      const int64_t first = at[static_cast<int>(k) + 2] * a.stride[k] - a.pad_begin[k];
      int64_t inside = 0;
      for (int64_t j = 0; j < a.kernel[k]; ++j) {
        const int64_t place = first + j * dilation_of(a, k);
        inside += place >= 0 && place < a.size[k];
      }
      count *= static_cast<double>(inside);
    }
    counts.as<double>()[position++] = count;
  } while (next_index(at, shape));
  return counts;
}

// Every plane alone: its windows' shares, spread by a transposed convolution with ones.
Tensors lower_avg_pool_gradient(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<PoolAttrs>();
  const Tensor& g = n->inputs[0];
  Tensor shares;
  if (a.count_padding) {
    double count = 1;
    for (const int64_t k : a.kernel) count *= static_cast<double>(k);
    shares = g * (1 / count);
  } else {
    shares = g / cast(Tensor::from(window_counts(a, g.shape())), g.dtype());
  }
  Shape planes = g.shape(), kernel{1, 1};
  planes[0] = g.shape()[0] * g.shape()[1];
  planes[1] = 1;
  for (const int64_t k : a.kernel) kernel.push_back(k);
  const Tensor y = conv_transpose(reshape(shares, planes), ones(kernel, g.dtype()),
                                  {.stride = a.stride,
                                   .pad_begin = a.pad_begin,
                                   .pad_end = a.pad_end,
                                   .dilation = a.dilation,
                                   .size = a.size});
  return {reshape(y, n->types[0].shape)};
}

constexpr ExportRule kRules[] = {
    {.op = Op::matmul, .emit = emit_matmul},
    {.op = Op::conv, .emit = emit_conv},
    {.op = Op::conv_transpose, .emit = emit_conv_transpose},
    {.op = Op::conv_weight_gradient, .lower = lower_weight_gradient},
    {.op = Op::max_pool, .lower = lower_max_pool, .emit = emit_max_pool},
    {.op = Op::max_pool_gradient, .emit = emit_max_pool_gradient},
    {.op = Op::avg_pool, .emit = emit_avg_pool},
    {.op = Op::avg_pool_gradient, .lower = lower_avg_pool_gradient},
};

}  // namespace

std::span<const ExportRule> export_window_rules() { return kRules; }

}  // namespace suan::onnx
