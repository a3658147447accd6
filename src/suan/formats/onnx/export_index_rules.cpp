// How ops with indices leave: gathers, scatters, sparse matrices and segments.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/emitter.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/segment.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

template <bool kElements>
Names emit_gather(Emitter& e, const Node& n) {
  return e.add(kElements ? "GatherElements" : "Gather", e.inputs_of(n),
               {{"axis", n.attr<GatherAttrs>().axis}});
}

std::string reduction_of(const Node& n) {
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  return std::string(kNames[static_cast<size_t>(n.attr<ScatterAttrs>().combine)]);
}

// Indices along the first axis choose slices; along another one they are written out for every
// element.
int scatter_axis(const Node& n) {
  return normalize_axis(n.attr<ScatterAttrs>().axis, n.inputs[0].rank(), n.op->name);
}
Tensors lower_scatter(const NodePtr& n, int64_t /*opset*/) {
  const int axis = scatter_axis(*n);
  if (axis == 0) return {};
  const Tensor &x = n->inputs[0], &at = n->inputs[1];
  Shape updates = x.shape(), along = Shape::filled(x.rank(), 1);
  updates[axis] = along[axis] = at.shape().numel();
  return {put_along_axis(x, broadcast_to(reshape(at, along), updates),
                         reshape(n->inputs[2], updates), axis, n->attr<ScatterAttrs>().combine)};
}
Names emit_scatter(Emitter& e, const Node& n) {
  Shape tuples = n.inputs[1].shape();
  tuples.push_back(1);
  const std::string at =
      e.reshape(e.cast(e.of(n.inputs[1]), n.inputs[1].dtype(), DType::i64), tuples);
  return e.add("ScatterND", {e.of(n.inputs[0]), at, e.of(n.inputs[2])},
               {{"reduction", reduction_of(n)}});
}
Names emit_put(Emitter& e, const Node& n) {
  return e.add("ScatterElements", e.inputs_of(n),
               {{"axis", n.attr<ScatterAttrs>().axis}, {"reduction", reduction_of(n)}});
}

// The row of each element of a CSR matrix: how many rows have ended before it.
Tensor rows_of(const Tensor& offsets, int64_t elements) {
  const int64_t rows = offsets.shape()[0] - 1;
  const Tensor ends = narrow(offsets, 0, 1, std::max<int64_t>(rows, 1));
  const Tensor counts =
      scatter(zeros({elements + 1}, DType::i64), ends, ones({ends.shape()[0]}, DType::i64));
  return narrow(cumsum(counts, 0), 0, 0, elements);
}

Tensors lower_csr_matmul(const NodePtr& n, int64_t /*opset*/) {
  const auto& a = n->attr<CsrAttrs>();
  const Tensor& columns = n->inputs[1];
  const DType dtype = n->types[0].dtype, exact = wide(dtype);
  const int64_t elements = columns.shape()[0];
  const Tensor rows = rows_of(n->inputs[0], elements);
  Tensor parts = gather(cast(n->inputs[2], exact), a.transpose ? rows : columns);
  if (n->inputs.size() > 3 && n->inputs[3]) {
    parts = parts * reshape(cast(n->inputs[3], exact), {elements, 1});
  }
  const Tensor total = zeros(n->types[0].shape, exact);
  return {cast(scatter(total, a.transpose ? columns : rows, parts), dtype)};
}

Tensors lower_csr_dot(const NodePtr& n, int64_t /*opset*/) {
  const Tensor& columns = n->inputs[1];
  const Tensor rows = rows_of(n->inputs[0], columns.shape()[0]);
  const DType dtype = n->types[0].dtype;
  const auto part = [&](const Tensor& x, const Tensor& at) {
    return cast(gather(x, at), wide(dtype));
  };
  return {cast(sum(part(n->inputs[2], rows) * part(n->inputs[3], columns), {1}), dtype)};
}

Tensors lower_segment_max(const NodePtr& n, int64_t /*opset*/) {
  const Tensor &x = n->inputs[0], &ids = n->inputs[1];
  const Type& type = n->types[0];
  const Tensor most =
      scatter(full(lowest(type.dtype), type.shape, type.dtype), ids, x, 0, Combine::max);
  Shape column = Shape::filled(x.rank(), 1);
  column[0] = type.shape[0];
  const Tensor sizes = segment_sum(ones(ids.shape(), DType::i64), ids, type.shape[0]);
  return {select(reshape(sizes, column) > 0.0, most, 0.0)};
}

constexpr ExportRule kRules[] = {
    {.op = Op::gather, .emit = emit_gather<false>},
    {.op = Op::take_along_axis, .emit = emit_gather<true>},
    {.op = Op::scatter, .lower = lower_scatter, .emit = emit_scatter},
    {.op = Op::put_along_axis, .emit = emit_put},
    {.op = Op::csr_matmul, .lower = lower_csr_matmul},
    {.op = Op::csr_dot, .lower = lower_csr_dot},
    {.op = Op::segment_max, .lower = lower_segment_max},
};

}  // namespace

std::span<const ExportRule> export_index_rules() { return kRules; }

}  // namespace suan::onnx
