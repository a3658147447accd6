// Rules of segment_max; the other segment reductions are scatters and gathers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/segment.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef segment_max_op;

namespace {

void check(const Type& x, const Type& ids, int64_t count, std::string_view op) {
  if (ids.dtype != DType::i64 && ids.dtype != DType::i32) {
    fail(op, "ids are {}, expected i64 or i32", name(ids.dtype));
  }
  if (x.shape.rank() < 1 || !(ids.shape == Shape{x.shape[0]})) {
    fail(op, "got {} and ids {}, expected [n, ...] and [n]", to_string(x.shape),
         to_string(ids.shape));
  }
  if (count < 0) fail(op, "count is {}, expected 0 or more", count);
}

Shape with_rows(Shape shape, int64_t rows) {
  shape[0] = rows;
  return shape;
}

}  // namespace

Tensor segment_sum(const Tensor& x, const Tensor& ids, int64_t count) {
  check(x.type(), ids.type(), count, "segment_sum");
  return scatter(zeros(with_rows(x.shape(), count), x.dtype()), ids, x);
}

Tensor segment_mean(const Tensor& x, const Tensor& ids, int64_t count) {
  check(x.type(), ids.type(), count, "segment_mean");
  if (!is_float(x.dtype())) fail("segment_mean", "got {}, expected a float", name(x.dtype()));
  // Counted in f32 or f64: 16-bit floats stop counting at 256.
  const DType exact = wide(x.dtype());
  const Tensor sizes = segment_sum(ones(ids.shape(), exact), ids, count);
  const Tensor share = cast(1.0 / maximum(sizes, 1.0), x.dtype());
  Shape column = Shape::filled(x.rank(), 1);
  column[0] = count;
  return segment_sum(x, ids, count) * reshape(share, column);
}

const OpDef segment_max_op{
    .code = Op::segment_max,
    .name = "segment_max",
    .doc =
        "Largest rows of segments, by element: y[s] = max of x[i] over ids[i] = s; 0 where none.",
    .inputs = {"x", "ids"},
    .attrs = &kAttrsType<SegmentAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const int64_t count = c.attr<SegmentAttrs>().count;
      check(c.type(0), c.type(1), count, c.name());
      return {Type(c.dtype(0), with_rows(c.shape(0), count))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const Tensor &x = c.in(0), &ids = c.in(1);
      if (!is_float(x.dtype())) return {{}, {}};
      const int64_t count = c.attr<SegmentAttrs>().count;
      const Tensor hit = cast(equal(x, gather(c.out(), ids)), x.dtype());
      const Tensor share = c.grad() / maximum(segment_sum(hit, ids, count), 1.0);
      return {hit * gather(share, ids), {}};
    },
    .flops = [](const Node& n) { return static_cast<double>(n.inputs[0].shape().numel()); },
};
Tensor segment_max(const Tensor& x, const Tensor& ids, int64_t count) {
  return make(segment_max_op, {x, ids}, SegmentAttrs{count});
}

Tensor segment_softmax(const Tensor& x, const Tensor& ids, int64_t count) {
  check(x.type(), ids.type(), count, "segment_softmax");
  if (!is_float(x.dtype())) fail("segment_softmax", "got {}, expected a float", name(x.dtype()));
  // The result does not depend on the shift, so nor does its gradient.
  const Tensor top = stop_gradient(gather(segment_max(x, ids, count), ids));
  const Tensor e = exp(x - top);
  return e / gather(segment_sum(e, ids, count), ids);
}

}  // namespace suan
