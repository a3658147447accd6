// Rules of matmul. A rank-2 right operand takes all leading axes of the left one as rows, so that
// its gradient is one product and not a batch of them. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/matmul.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/scaled_matmul.h"
#include "suan/ops/shape_ops.h"

namespace suan {

extern const OpDef matmul_op;

std::span<const std::string_view> enum_names(GradientOperand /*operand*/) {
  static constexpr std::string_view kNames[] = {"none", "a", "b"};
  return kNames;
}

namespace {

struct Sizes {
  int64_t m, k, n, k_b;
};
Sizes sizes(const Shape& a, const Shape& b, const MatmulAttrs& attrs) {
  return {a.at(attrs.transpose_a ? -1 : -2), a.at(attrs.transpose_a ? -2 : -1),
          b.at(attrs.transpose_b ? -2 : -1), b.at(attrs.transpose_b ? -1 : -2)};
}
Shape leading(const Shape& shape) {
  Shape out = shape;
  out.erase(out.rank() - 1);
  out.erase(out.rank() - 1);
  return out;
}

// Matrices that FP8 units take, and large enough to be worth the passes that scale them.
std::vector<Tensor> matmul_in_fp8(const NodePtr& n) {
  constexpr int64_t kLeast = 64, kMultiple = 16;
  const auto& attrs = n->attr<MatmulAttrs>();
  const Tensor &a = n->inputs[0], &b = n->inputs[1];
  if (a.rank() != 2 || b.rank() != 2) return {};
  const Sizes s = sizes(a.shape(), b.shape(), attrs);
  for (const int64_t size : {s.m, s.n, s.k}) {
    if (size < kLeast || size % kMultiple != 0) return {};
  }
  const auto scaled = [&](const Tensor& t, GradientOperand which, bool turned) {
    ScaledTensor made = to_fp8(t, attrs.gradient == which ? DType::f8e5m2 : DType::f8e4m3fn);
    if (turned) made.values = transpose(made.values);
    return made;
  };
  return {scaled_matmul(scaled(a, GradientOperand::a, attrs.transpose_a),
                        scaled(b, GradientOperand::b, !attrs.transpose_b), n->types[0].dtype)};
}

}  // namespace

const OpDef matmul_op{
    .code = Op::matmul,
    .name = "matmul",
    .doc = "Matrix product: y[..., m, n] = sum_k a[..., m, k] b[..., k, n].",
    .inputs = {"a", "b"},
    .attrs = &kAttrsType<MatmulAttrs>,
    .infer = [](const InferContext& c) -> std::vector<Type> {
      const Shape& a = c.shape(0);
      const Shape& b = c.shape(1);
      if (a.rank() < 2 || b.rank() < 2) {
        fail(c.name(), "got shapes {} and {}, expected rank 2 or more", to_string(a), to_string(b));
      }
      if (c.dtype(0) != c.dtype(1)) {
        fail(c.name(), "got dtypes {} and {}, expected the same", name(c.dtype(0)),
             name(c.dtype(1)));
      }
      const Sizes s = sizes(a, b, c.attr<MatmulAttrs>());
      if (s.k != s.k_b) {
        fail(c.name(), "inner sizes differ: {} and {} (shapes {} and {})", s.k, s.k_b, to_string(a),
             to_string(b));
      }
      Shape out = broadcast_shapes(leading(a), leading(b), c.name());
      out.push_back(s.m);
      out.push_back(s.n);
      return {Type(c.dtype(0), out)};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const auto& attrs = c.attr<MatmulAttrs>();
      const bool ta = attrs.transpose_a, tb = attrs.transpose_b;
      const Tensor &a = c.in(0), &b = c.in(1), &g = c.grad();
      const auto product = [&](const Tensor& x, const Tensor& y, bool tx, bool ty) {
        return matmul(x, y,
                      {.transpose_a = tx,
                       .transpose_b = ty,
                       .exact = attrs.exact,
                       .gradient = x.same_as(g) ? GradientOperand::a : GradientOperand::b});
      };
      if (!is_float(a.dtype())) return {Tensor(), Tensor()};
      std::vector<Tensor> out(2);
      if (c.needs[0]) {
        out[0] = ta ? product(b, g, tb, true) : product(g, b, false, !tb);
        out[0] = reduce_to(out[0], a.shape());
      }
      if (c.needs[1]) {
        out[1] = tb ? product(g, a, true, ta) : product(a, g, !ta, false);
        out[1] = reduce_to(out[1], b.shape());
      }
      return out;
    },
    .keeps_zero = true,
    .precision = Precision::low,
    .exact = [](const Node& n) { return n.attr<MatmulAttrs>().exact || multiplies_integers(n); },
    .in_tf32 = [](const Node& n) -> Attrs {
      MatmulAttrs attrs = n.attr<MatmulAttrs>();
      attrs.tf32 = true;
      return attrs;
    },
    .in_fp8 = matmul_in_fp8,
    .flops =
        [](const Node& n) {
          const Sizes s = sizes(n.inputs[0].shape(), n.inputs[1].shape(), n.attr<MatmulAttrs>());
          return 2.0 * static_cast<double>(n.types[0].shape.numel()) * static_cast<double>(s.k);
        },
};

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  return matmul(a, b, MatmulAttrs{transpose_a, transpose_b});
}

Tensor matmul(const Tensor& a, const Tensor& b, MatmulAttrs attrs) {
  if (a.rank() == 0 || b.rank() == 0) {
    fail("matmul", "got shapes {} and {}, expected rank 1 or more", to_string(a.shape()),
         to_string(b.shape()));
  }
  const DType dtype = promote(a.dtype(), b.dtype());
  Tensor x = cast(a, dtype);
  Tensor y = cast(b, dtype);
  if (a.rank() == 1) x = reshape(x, {1, a.shape()[0]});
  if (b.rank() == 1) y = reshape(y, {b.shape()[0], 1});
  const bool flat = x.rank() > 2 && y.rank() == 2 && !attrs.transpose_a;
  Shape lead = leading(x.shape());
  if (flat) {
    lead.push_back(x.shape().at(-2));
    x = reshape(x, {lead.numel(), x.shape().back()});
  }
  attrs.transpose_a = attrs.transpose_a && a.rank() > 1;
  attrs.transpose_b = attrs.transpose_b && b.rank() > 1;
  Tensor out = make(matmul_op, {x, y}, attrs);
  Shape shape = out.shape();
  if (flat) {
    lead.push_back(shape.back());
    shape = lead;
  }
  if (b.rank() == 1) shape.erase(shape.rank() - 1);
  if (a.rank() == 1) shape.erase(shape.rank() - (b.rank() == 1 ? 1 : 2));
  return reshape(out, shape);
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  const Tensor y = matmul(x, w, false, true);
  return b ? y + b : y;
}

}  // namespace suan
