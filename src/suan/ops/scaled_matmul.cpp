// Rules of scaled_matmul. Its operands are never computed with otherwise, so it has no gradient: it
// takes the place of a product whose gradient is in the graph already (passes/precision).
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/scaled_matmul.h"

#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

namespace suan {

extern const OpDef scaled_matmul_op;

namespace {

bool is_fp8(DType dtype) { return dtype == DType::f8e4m3fn || dtype == DType::f8e5m2; }

std::vector<Type> infer(const InferContext& c) {
  const Shape &a = c.shape(0), &b = c.shape(1);
  if (a.rank() != 2 || b.rank() != 2 || a[1] != b[1]) {
    fail(c.name(), "got shapes {} and {}, expected [m, k] and [n, k]", to_string(a), to_string(b));
  }
  if (!is_fp8(c.dtype(0)) || !is_fp8(c.dtype(1))) {
    fail(c.name(), "got {} and {}, expected f8e4m3fn or f8e5m2", name(c.dtype(0)),
         name(c.dtype(1)));
  }
  for (const int i : {2, 3}) {
    if (!(c.type(i) == Type(DType::f32, {}))) {
      fail(c.name(), "a scale is {}, expected f32[]", to_string(c.type(i)));
    }
  }
  const DType dtype = c.attr<ScaledMatmulAttrs>().dtype;
  if (!is_float(dtype)) fail(c.name(), "dtype is {}, expected a float", name(dtype));
  return {Type(dtype, {a[0], b[0]})};
}

}  // namespace

const OpDef scaled_matmul_op{
    .code = Op::scaled_matmul,
    .name = "scaled_matmul",
    .doc = "Product of FP8 matrices: y[m, n] = scale_a scale_b sum_k a[m, k] b[n, k].",
    .inputs = {"a", "b", "scale_a", "scale_b"},
    .attrs = &kAttrsType<ScaledMatmulAttrs>,
    .infer = infer,
    // Elements of FP8 are exact in bf16; only sums round.
    .decompose = [](const NodePtr& n) -> std::vector<Tensor> {
      const DType dtype = n->types[0].dtype;
      const DType within = dtype == DType::bf16 ? DType::bf16 : wide(dtype), full = wide(dtype);
      const auto operand = [&](size_t i) { return cast(n->inputs[i], within); };
      const Tensor sums = cast(matmul(operand(0), operand(1), false, true), full);
      return {cast(sums * (cast(n->inputs[2], full) * cast(n->inputs[3], full)), dtype)};
    },
    .keeps_zero = true,
    .precision = Precision::full,
    .flops =
        [](const Node& n) {
          return 2.0 * static_cast<double>(n.types[0].shape.numel()) *
                 static_cast<double>(n.inputs[0].shape()[1]);
        },
};

ScaledTensor to_fp8(const Tensor& x, DType dtype) {
  if (!is_fp8(dtype)) fail("to_fp8", "got {}, expected f8e4m3fn or f8e5m2", name(dtype));
  constexpr double kTiny = 0x1p-100;  // of tensors of zeros, which any scale suits
  const double largest = decode_small(dtype, encode_small(dtype, 1e30F));
  const Tensor top = cast(max(abs(x)), DType::f32);
  const Tensor scale = maximum(top, kTiny) / largest;
  return {cast(cast(x, DType::f32) * (1.0 / scale), dtype), scale};
}

Tensor scaled_matmul(const ScaledTensor& a, const ScaledTensor& b, DType dtype) {
  return make(scaled_matmul_op, {a.values, b.values, a.scale, b.scale}, ScaledMatmulAttrs{dtype});
}

}  // namespace suan
