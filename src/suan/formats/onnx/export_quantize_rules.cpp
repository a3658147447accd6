// How quantize and dequantize leave: as QuantizeLinear and DequantizeLinear, where scales are for
// all elements, for positions of one axis, or for blocks.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <optional>

#include "suan/base/error.h"
#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/quantize.h"

namespace suan::onnx {
namespace {

// Where scales lie, as the operators say it.
struct Axis {
  int64_t axis = -1;  // -1: one scale for all
  int64_t block = 0;
};
// Nothing where they vary in a way that the operators do not have.
std::optional<Axis> axis_of(const Shape& x, const Shape& scale, int axis, int64_t block) {
  if (block > 0) return Axis{axis, block};
  Axis found;
  const int lead = x.rank() - scale.rank();
  for (int i = 0; i < scale.rank(); ++i) {
    if (scale[i] == 1) continue;
    if (found.axis >= 0) return std::nullopt;
    found.axis = i + lead;
  }
  return found;
}

// A scale or zero point in the operator's shape: a scalar, [size of the axis], or as it is.
std::string parameter(Emitter& e, const Tensor& p, const Axis& axis) {
  if (axis.block > 0) return e.of(p);
  const Shape shape = axis.axis < 0 ? Shape{} : Shape{p.shape().numel()};
  if (p.shape() == shape) return e.of(p);
  if (is(p.node(), Op::constant)) {
    return e.constant({p.dtype(), shape, p.node().values[0]});
  }
  return e.reshape(e.of(p), shape);
}

NodeAttrs attributes(const Axis& axis) {
  NodeAttrs attrs;
  if (axis.axis >= 0) attrs.emplace_back("axis", axis.axis);
  if (axis.block > 0) attrs.emplace_back("block_size", axis.block);
  return attrs;
}

void need_opset(Emitter& e, DType integers, const Axis& axis) {
  e.type_code(integers);
  if (axis.block > 0) e.need(21, "quantization in blocks");
  if (size_of(integers) == 2) e.need(21, fmt::format("quantization to {}", name(integers)));
}

std::optional<Axis> quantize_axis(const Node& n) {
  const auto& a = n.attr<QuantizeAttrs>();
  return axis_of(n.types[0].shape, n.inputs[1].shape(), a.axis, a.block);
}
std::optional<Axis> dequantize_axis(const Node& n) {
  const auto& a = n.attr<DequantizeAttrs>();
  return axis_of(n.types[0].shape, n.inputs[1].shape(), a.axis, a.block);
}

Tensors lower_quantize(const NodePtr& n, int64_t /*opset*/) {
  const bool wide = n->inputs[0].dtype() == DType::f64 || n->inputs[1].dtype() != DType::f32;
  return wide || !quantize_axis(*n) ? n->op->decompose(n) : Tensors{};
}
Names emit_quantize(Emitter& e, const Node& n) {
  const auto& a = n.attr<QuantizeAttrs>();
  const Axis axis = *quantize_axis(n);
  need_opset(e, a.dtype, axis);
  const Tensor& x = n.inputs[0];
  const std::string scale = parameter(e, n.inputs[1], axis);
  const bool has_zero = n.inputs.size() > 2 && n.inputs[2];
  // Its dtype is the result's.
  const Shape none = axis.block > 0
                         ? n.inputs[1].shape()
                         : (axis.axis < 0 ? Shape{} : Shape{n.inputs[1].shape().numel()});
  std::string zero;
  if (has_zero) {
    zero = parameter(e, n.inputs[2], axis);
  } else {
    Array zeros(a.dtype, none);
    std::memset(zeros.buffer->data(), 0, zeros.bytes());
    zero = e.constant(zeros);
  }
  NodeAttrs attrs = attributes(axis);
  if (is_small_float(a.dtype)) attrs.emplace_back("saturate", int64_t{a.saturate});
  return e.add("QuantizeLinear", {e.cast(e.of(x), x.dtype(), DType::f32), scale, zero}, attrs);
}

Tensors lower_dequantize(const NodePtr& n, int64_t /*opset*/) {
  const bool wide = n->types[0].dtype == DType::f64 || n->inputs[1].dtype() != DType::f32;
  return wide || !dequantize_axis(*n) ? n->op->decompose(n) : Tensors{};
}
Names emit_dequantize(Emitter& e, const Node& n) {
  const Axis axis = *dequantize_axis(n);
  need_opset(e, n.inputs[0].dtype(), axis);
  Names inputs{e.of(n.inputs[0]), parameter(e, n.inputs[1], axis)};
  if (n.inputs.size() > 2 && n.inputs[2]) inputs.push_back(parameter(e, n.inputs[2], axis));
  const std::string y = e.one("DequantizeLinear", inputs, attributes(axis));
  return {e.cast(y, DType::f32, n.types[0].dtype)};
}

Tensors lower_straight_through(const NodePtr& n, int64_t /*opset*/) { return {n->inputs[0]}; }

constexpr ExportRule kRules[] = {
    {.op = Op::quantize, .lower = lower_quantize, .emit = emit_quantize},
    {.op = Op::dequantize, .lower = lower_dequantize, .emit = emit_dequantize},
    {.op = Op::straight_through, .lower = lower_straight_through},
};

}  // namespace

std::span<const ExportRule> export_quantize_rules() { return kRules; }

}  // namespace suan::onnx
