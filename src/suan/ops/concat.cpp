// Rules of concat; its gradients are slices.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/concat.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan {

extern const OpDef concat_op;

const OpDef concat_op{
    .code = Op::concat,
    .name = "concat",
    .doc = "Tensors one after the other along an axis.",
    .inputs = {"first", "rest*"},
    .attrs = &kAttrsType<ConcatAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const int64_t given = c.attr<ConcatAttrs>().axis;
      const int axis = normalize_axis(given, c.shape(0).rank(), c.name());
      Shape out = c.shape(0);
      for (int i = 1; i < c.count(); ++i) {
        if (c.dtype(i) != c.dtype(0)) {
          fail(c.name(), "got dtypes {} and {}, expected the same", name(c.dtype(0)),
               name(c.dtype(i)));
        }
        Shape other = c.shape(i);
        if (other.rank() == out.rank()) other[axis] = out[axis];
        if (!(other == out) || __builtin_add_overflow(out[axis], c.shape(i)[axis], &out[axis])) {
          fail(c.name(), "shapes {} and {} do not fit along axis {}", to_string(c.shape(0)),
               to_string(c.shape(i)), given);
        }
      }
      return {Type(c.dtype(0), out)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const int axis = normalize_axis(c.attr<ConcatAttrs>().axis, c.grad().rank(), "concat");
      std::vector<Tensor> out;
      int64_t at = 0;
      for (size_t i = 0; i < c.needs.size(); ++i) {
        const int64_t end = at + c.in(static_cast<int>(i)).shape()[axis];
        out.push_back(c.needs[i] ? narrow(c.grad(), axis, at, end) : Tensor());
        at = end;
      }
      return out;
    },
    .keeps_zero = true,
    .flops = [](const Node&) { return 0.0; },
};

Tensor concat(const std::vector<Tensor>& parts, int64_t axis) {
  if (parts.empty()) fail("concat", "got no tensors");
  if (parts.size() == 1) {
    normalize_axis(axis, parts[0].rank(), "concat");
    return parts[0];
  }
  DType dtype = parts[0].dtype();
  for (const Tensor& t : parts) dtype = promote(dtype, t.dtype());
  std::vector<Tensor> inputs;
  for (const Tensor& t : parts) inputs.push_back(cast(t, dtype));
  return make(concat_op, std::move(inputs), ConcatAttrs{axis});
}

Tensor stack(const std::vector<Tensor>& parts, int64_t axis) {
  if (parts.empty()) fail("stack", "got no tensors");
  const int at = normalize_axis(axis, parts[0].rank() + 1, "stack");
  std::vector<Tensor> columns;
  for (const Tensor& t : parts) {
    if (!(t.shape() == parts[0].shape())) {
      fail("stack", "got shapes {} and {}, expected the same", to_string(parts[0].shape()),
           to_string(t.shape()));
    }
    Shape shape = t.shape();
    shape.insert(at, 1);
    columns.push_back(reshape(t, shape));
  }
  return concat(columns, at);
}

}  // namespace suan
