// Rules of the ops on bits. Numbers in between have no gradient.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/bitwise.h"

#include <cstring>

#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef bitwise_op, bitcast_op;

const OpDef bitwise_op{
    .code = Op::bitwise,
    .name = "bitwise",
    .doc = "And, or, exclusive or and shifts of the bits of integers.",
    .inputs = {"a", "b"},
    .attrs = &kAttrsType<BitwiseAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (!is_integer(c.dtype(0)) || c.dtype(0) != c.dtype(1)) {
        fail(c.name(), "got {} and {}, expected two of the same integer dtype", name(c.dtype(0)),
             name(c.dtype(1)));
      }
      return {Type(c.dtype(0), broadcast_shapes(c.shape(0), c.shape(1), c.name()))};
    },
    .gradient = [](const GradContext&) -> std::vector<Tensor> { return {{}, {}}; },
};
Tensor bitwise(const Tensor& a, const Tensor& b, BitwiseKind kind) {
  return make(bitwise_op, {a, b}, BitwiseAttrs{kind});
}

Tensor bitwise_not(const Tensor& a) {
  Array ones(is_integer(a.dtype()) ? a.dtype() : DType::i64, {});
  std::memset(ones.buffer->data(), 0xff, ones.bytes());
  return bitwise(a, Tensor::from(ones), BitwiseKind::bit_xor);
}

const OpDef bitcast_op{
    .code = Op::bitcast,
    .name = "bitcast",
    .doc = "The same bits read as another dtype.",
    .inputs = {"x"},
    .attrs = &kAttrsType<BitcastAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const DType from = c.dtype(0), to = c.attr<BitcastAttrs>().dtype;
      if (from == DType::string || to == DType::string) fail(c.name(), "text has no bits");
      if (bits_of(from) != bits_of(to)) {
        fail(c.name(), "got {} of {} bits and {} of {}, expected as many", name(from),
             bits_of(from), name(to), bits_of(to));
      }
      return {Type(to, c.shape(0))};
    },
    .gradient = [](const GradContext&) -> std::vector<Tensor> { return {Tensor()}; },
    .exact = [](const Node&) { return true; },
};
Tensor bitcast(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : make(bitcast_op, {x}, BitcastAttrs{dtype});
}

}  // namespace suan
