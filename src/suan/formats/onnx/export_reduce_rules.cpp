// How reductions, sums along an axis, searches for the largest and normalizations leave.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/arange.h"
#include "suan/ops/argmax.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"
#include "suan/ops/top_k.h"

namespace suan::onnx {
namespace {

Names reduced(Emitter& e, const Node& n, std::string_view type, DTypes dtypes) {
  const auto& a = n.attr<ReduceAttrs>();
  if (a.axes.empty()) return {e.of(n.inputs[0])};
  return e.typed(n, type, dtypes, {{"keepdims", int64_t{a.keep}}}, {e.ints(a.axes)});
}

// Totals of integers are i64.
Tensors lower_total(const NodePtr& n, int64_t /*opset*/) {
  const Tensor& x = n->inputs[0];
  if (is_float(x.dtype()) || x.dtype() == DType::i64) return {};
  return {Tensor(with_inputs(*n, {cast(x, DType::i64)}), 0)};
}

constexpr DTypes kTotals = set_of(DType::f32, DType::f64, DType::i64);
constexpr DTypes kExtremes = kAllFloats | kWideIntegers | set_of(DType::i8) | set_of(DType::u8);

Names emit_sum(Emitter& e, const Node& n) { return reduced(e, n, "ReduceSum", kTotals); }
Names emit_prod(Emitter& e, const Node& n) { return reduced(e, n, "ReduceProd", kTotals); }
Names emit_max(Emitter& e, const Node& n) { return reduced(e, n, "ReduceMax", kExtremes); }
Names emit_min(Emitter& e, const Node& n) { return reduced(e, n, "ReduceMin", kExtremes); }
Names emit_logsumexp(Emitter& e, const Node& n) {
  return reduced(e, n, "ReduceLogSumExp", set_of(DType::f32, DType::f64));
}

template <bool kMost>
Names emit_arg(Emitter& e, const Node& n) {
  const auto& a = n.attr<ArgAttrs>();
  return e.typed(n, kMost ? "ArgMax" : "ArgMin", kNumbers,
                 {{"axis", a.axis}, {"keepdims", int64_t{a.keep}}});
}

Names emit_cumsum(Emitter& e, const Node& n) {
  const auto& a = n.attr<CumsumAttrs>();
  constexpr DTypes kTaken = set_of(DType::f32, DType::f64) | kWideIntegers;
  return e.typed(n, "CumSum", kTaken,
                 {{"exclusive", int64_t{a.exclusive}}, {"reverse", int64_t{a.reverse}}},
                 {e.scalar(a.axis)});
}

Names emit_top_k(Emitter& e, const Node& n) {
  const auto& a = n.attr<TopKAttrs>();
  const DType given = n.inputs[0].dtype();
  const DType used = e.computed_in(given, kFloats | kSigned | kUnsigned, "TopK");
  Names y = e.add("TopK", {e.cast(e.of(n.inputs[0]), given, used), e.ints({a.k})},
                  {{"axis", a.axis}, {"largest", int64_t{a.largest}}, {"sorted", 1}}, 2);
  y[0] = e.cast(y[0], used, given);
  return y;
}

Names emit_softmax(Emitter& e, const Node& n) {
  return e.typed(n, is(n, Op::softmax) ? "Softmax" : "LogSoftmax", kAllFloats,
                 {{"axis", n.attr<AxisAttrs>().axis}});
}

// [rows..., classes] and labels to the mean loss and its slope.
Tensors lower_cross_entropy(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<CrossEntropyAttrs>();
  const Tensor &x = n->inputs[0], &labels = n->inputs[1];
  const int64_t classes = x.shape().back();
  const double share = a.label_smoothing / static_cast<double>(classes);
  const Tensor hot = one_hot(labels, classes, -1, x.dtype());
  const Tensor target = a.label_smoothing == 0 ? hot : hot * (1 - a.label_smoothing) + share;
  const Tensor log_p = log_softmax(x, -1);
  const Tensor counted = not_equal(labels, static_cast<double>(a.ignore_index));
  const Tensor count = sum(cast(counted, x.dtype()));
  const Tensor losses = select(counted, sum(target * log_p, {-1}), 0.0);
  Shape column = labels.shape();
  column.push_back(1);
  const Tensor slope = select(reshape(counted, column), (exp(log_p) - target) / count, 0.0);
  return {-(sum(losses) / count), slope};
}

// LayerNormalization keeps its statistics in f32, and its scale in x's dtype.
bool is_plain_layer_norm(const Node& n) {
  return n.inputs[0].dtype() == DType::f32 && n.types[0].dtype == DType::f32;
}
Tensors lower_layer_norm(const NodePtr& n, int64_t /*opset*/) {
  return is_plain_layer_norm(*n) ? Tensors() : n->op->decompose(n);
}
Names emit_layer_norm(Emitter& e, const Node& n) {
  const auto& a = n.attr<LayerNormAttrs>();
  const Shape& x = n.inputs[0].shape();
  Names inputs = e.inputs_of(n);
  inputs.resize(3);
  if (inputs[1].empty()) {
    inputs[1] = e.filled(1, Shape(std::span(x.end() - a.axes, x.end())), DType::f32);
  }
  Names y = e.add("LayerNormalization", std::move(inputs),
                  {{"axis", -a.axes}, {"epsilon", static_cast<float>(a.epsilon)}}, 3);
  for (size_t i = 1; i < 3; ++i) y[i] = e.reshape(y[i], n.types[i].shape);
  return y;
}

constexpr ExportRule kRules[] = {
    {.op = Op::sum, .lower = lower_total, .emit = emit_sum},
    {.op = Op::prod, .lower = lower_total, .emit = emit_prod},
    {.op = Op::max, .emit = emit_max},
    {.op = Op::min, .emit = emit_min},
    {.op = Op::logsumexp, .emit = emit_logsumexp},
    {.op = Op::argmax, .emit = emit_arg<true>},
    {.op = Op::argmin, .emit = emit_arg<false>},
    {.op = Op::cumsum, .emit = emit_cumsum},
    {.op = Op::top_k, .emit = emit_top_k},
    {.op = Op::softmax, .emit = emit_softmax},
    {.op = Op::log_softmax, .emit = emit_softmax},
    {.op = Op::cross_entropy, .lower = lower_cross_entropy},
    {.op = Op::layer_norm, .lower = lower_layer_norm, .emit = emit_layer_norm},
};

}  // namespace

std::span<const ExportRule> export_reduce_rules() { return kRules; }

}  // namespace suan::onnx
