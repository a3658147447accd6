// Rules of the random ops.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/random.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef random_uniform_op;

const OpDef random_uniform_op{
    .code = Op::random_uniform,
    .name = "random_uniform",
    .doc = "Uniform numbers in [0, 1) from Philox4x32-10 with this key.",
    .inputs = {"key"},
    .attrs = &kAttrsType<ShapeAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (c.dtype(0) != DType::i64 || !(c.shape(0) == Shape{2})) {
        fail(c.name(), "key is {}, expected i64[2]", to_string(c.type(0)));
      }
      return {Type(DType::f32, c.attr<ShapeAttrs>().shape)};
    },
    .gradient = [](const GradContext&) -> std::vector<Tensor> { return {Tensor()}; },
    .random = true,
    .flops = [](const Node& n) { return 20.0 * static_cast<double>(n.types[0].shape.numel()); },
};
Tensor random_uniform(const Tensor& key, const Shape& shape) {
  return make(random_uniform_op, {key}, ShapeAttrs{shape});
}

}  // namespace suan
