// Products of matrices, and determinants.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/arange.h"
#include "suan/ops/argmax.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

Outputs matmul_rule(const NodeView& n) { return {matmul(n.in(0), n.in(1))}; }

// Factors of integers may be fractions; the result is cut to whole numbers at the end.
Tensor scaled(const Tensor& x, double factor) {
  if (factor == 1) return x;
  return is_float(x.dtype()) ? x * factor : cast(x, DType::f64) * factor;
}

// y = alpha a b + beta c. With both at 1 it is a product and a bias, which fuse.
Outputs gemm(const NodeView& n) {
  const Tensor &a = n.in(0), &b = n.in(1), c = n.optional(2);
  if (a.rank() != 2 || b.rank() != 2) {
    n.fail("got {} and {}, expected two matrices", to_string(a.shape()), to_string(b.shape()));
  }
  const double alpha = n.f("alpha", 1), beta = n.f("beta", 1);
  const Tensor product = matmul(a, b, n.i("transA", 0) != 0, n.i("transB", 0) != 0);
  Tensor y = scaled(product, alpha);
  if (c && beta != 0) {
    if (!broadcasts_to(c.shape(), y.shape())) {
      n.fail("C is {}, expected it to broadcast to {}", to_string(c.shape()), to_string(y.shape()));
    }
    y = y + scaled(c, beta);
  }
  return {cast(y, product.dtype())};
}

constexpr int64_t kMostUnrolled = 32;  // rows of a matrix eliminated by composed ops

// Elimination with the largest element of each column as the pivot, on all matrices of a batch at
// once: [b, n, n] -> [b].
Tensor eliminated(const Tensor& x) {
  const int64_t b = x.shape()[0];
  Tensor m = x;
  Tensor det = ones({b, 1, 1}, x.dtype());
  for (int64_t size = x.shape()[1]; size > 1; --size) {
    const Tensor at = argmax(abs(narrow(m, 2, 0, 1)), 1, true);  // [b, 1, 1]
    const Tensor pivot_row = take_along_axis(m, broadcast_to(at, {b, 1, size}), 1);
    const Tensor pivot = narrow(pivot_row, 2, 0, 1);
    det = det * select(equal(at, 0.0), pivot, -pivot);
    const Tensor position = reshape(arange(1, 1, size - 1), {1, size - 1, 1});
    const Tensor rest = select(equal(position, at), narrow(m, 1, 0, 1), narrow(m, 1, 1, size));
    const Tensor factor = narrow(rest, 2, 0, 1) / select(equal(pivot, 0.0), 1.0, pivot);
    m = narrow(rest, 2, 1, size) - factor * narrow(pivot_row, 2, 1, size);
  }
  return reshape(det * m, {b});
}

double determinant(std::vector<double>& m, size_t size) {
  double det = 1;
  for (size_t k = 0; k < size; ++k) {
    size_t at = k;
    for (size_t i = k + 1; i < size; ++i) {
      if (std::abs(m[i * size + k]) > std::abs(m[at * size + k])) at = i;
    }
    const double pivot = m[at * size + k];
    if (pivot == 0) return 0;
    det *= at == k ? pivot : -pivot;
    for (size_t j = k; j < size; ++j) std::swap(m[at * size + j], m[k * size + j]);
    for (size_t i = k + 1; i < size; ++i) {
      const double factor = m[i * size + k] / pivot;
      for (size_t j = k; j < size; ++j) m[i * size + j] -= factor * m[k * size + j];
    }
  }
  return det;
}

Tensor known_determinants(const NodeView& n, const Shape& batch) {
  const Array x = n.known(0);
  const auto size = static_cast<size_t>(x.shape.back());
  Array y(DType::f64, batch);
  visit(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < y.numel(); ++i) {
      const T* p = x.as<T>() + static_cast<size_t>(i) * size * size;
      std::vector<double> m(size * size);
      for (size_t k = 0; k < m.size(); ++k) m[k] = static_cast<double>(p[k]);
      y.as<double>()[i] = determinant(m, size);
    }
  });
  return cast(NodeView::constant(y), x.dtype);
}

Outputs det(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (x.rank() < 2 || x.shape().at(-2) != x.shape().back() || !is_float(x.dtype())) {
    n.fail("got {}, expected square matrices of floats", to_string(x.type()));
  }
  const int64_t size = x.shape().back();
  Shape batch = x.shape();
  batch.erase(batch.rank() - 1);
  batch.erase(batch.rank() - 1);
  if (size == 0) return {ones(batch, x.dtype())};
  if (batch.numel() == 0) return {zeros(batch, x.dtype())};
  if (size > kMostUnrolled) return {known_determinants(n, batch)};
  const Tensor wide_x = cast(x, wide(x.dtype()));
  const Tensor y = eliminated(reshape(wide_x, {batch.numel(), size, size}));
  return {cast(reshape(y, batch), x.dtype())};
}

constexpr OperatorRule kRules[] = {
    {"Det", det},
    {"Gemm", gemm},
    {"MatMul", matmul_rule},
};

}  // namespace

std::span<const OperatorRule> matrix_rules() { return kRules; }

}  // namespace suan::onnx
