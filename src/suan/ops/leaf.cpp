// Leaves have no shape rule: their type is given when they are made.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/leaf.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef input_op, constant_op, state_op, full_op;

const OpDef input_op{
    .code = Op::input, .name = "input", .doc = "An argument of the graph.", .infer = nullptr};
const OpDef constant_op{
    .code = Op::constant, .name = "constant", .doc = "Known data.", .infer = nullptr};
const OpDef state_op{.code = Op::state,
                     .name = "state",
                     .doc = "The value a state has when the graph starts.",
                     .infer = nullptr};

const OpDef full_op{
    .code = Op::full,
    .name = "full",
    .doc = "One number, repeated: y[...] = value.",
    .attrs = &kAttrsType<FullAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const auto& a = c.attr<FullAttrs>();
      return {Type(a.dtype, a.shape)};
    },
    .flops = [](const Node&) { return 0.0; },
};

Tensor full(double value, const Shape& shape, DType dtype) {
  return make(full_op, {}, FullAttrs{value, shape, dtype});
}
Tensor zeros(const Shape& shape, DType dtype) { return full(0, shape, dtype); }
Tensor ones(const Shape& shape, DType dtype) { return full(1, shape, dtype); }

Tensor::Tensor(double value) : Tensor(make(full_op, {}, FullAttrs{value, {}, DType::f32, true})) {}

bool is_literal(const Tensor& x) {
  return is(x.node(), Op::full) && x.node().attr<FullAttrs>().literal;
}
bool is_full_of(const Tensor& x, double value) {
  return is(x.node(), Op::full) && x.node().attr<FullAttrs>().value == value;
}

}  // namespace suan
