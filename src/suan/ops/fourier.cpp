// A transform of n = a b elements is b transforms of a, a turn of each number, and a transforms of
// b. Those of few elements are products with the matrix of their roots of unity.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/fourier.h"

#include <cmath>
#include <functional>
#include <numbers>

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan {
namespace {

constexpr int64_t kFactor = 64;    // a matrix of at most this size where n has such a factor
constexpr int64_t kMatrix = 2048;  // and of at most this size where it has none
constexpr int64_t kMost = int64_t{1} << 28;

// What all steps of one transform share: the dtype, and the sign of the angles.
struct Plan {
  DType dtype;
  int sign;
};

// exp(sign 2 pi i turn(row, column) / n) as a matrix; turns are in [0, n).
ComplexTensor roots(const Plan& plan, int64_t rows, int64_t columns, int64_t n,
                    const std::function<int64_t(int64_t, int64_t)>& turn) {
  Array real(DType::f64, {rows, columns}), imag(DType::f64, {rows, columns});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(turn(r, c)) / static_cast<double>(n);
      real.as<double>()[r * columns + c] = std::cos(angle);
      imag.as<double>()[r * columns + c] = plan.sign * std::sin(angle);
    }
  }
  return {cast(Tensor::from(real), plan.dtype), cast(Tensor::from(imag), plan.dtype)};
}

ComplexTensor apply(const ComplexTensor& x, const std::function<Tensor(const Tensor&)>& f) {
  return {f(x.real), x.imag ? f(x.imag) : Tensor()};
}

ComplexTensor product(const ComplexTensor& x, const ComplexTensor& w,
                      Tensor (*times)(const Tensor&, const Tensor&)) {
  if (!x.imag) return {times(x.real, w.real), times(x.real, w.imag)};
  return {times(x.real, w.real) - times(x.imag, w.imag),
          times(x.real, w.imag) + times(x.imag, w.real)};
}
Tensor matrix_product(const Tensor& a, const Tensor& b) { return matmul(a, b); }

ComplexTensor transform(const Plan& plan, const ComplexTensor& x);

ComplexTensor by_matrix(const Plan& plan, const ComplexTensor& x, int64_t n) {
  const auto turn = [n](int64_t j, int64_t k) { return j * k % n; };
  return product(x, roots(plan, n, n, n, turn), matrix_product);
}

ComplexTensor by_factors(const Plan& plan, const ComplexTensor& x, int64_t a, int64_t b) {
  const int64_t rows = x.real.shape()[0], n = a * b;
  ComplexTensor y = apply(x, [&](const Tensor& t) {
    return reshape(transpose(reshape(t, {rows, a, b}), {0, 2, 1}), {rows * b, a});
  });
  y = by_matrix(plan, y, a);
  y = apply(y, [&](const Tensor& t) { return reshape(t, {rows, b, a}); });
  y = product(y, roots(plan, b, a, n, [](int64_t j, int64_t k) { return j * k; }), mul);
  y = apply(y, [&](const Tensor& t) { return reshape(transpose(t, {0, 2, 1}), {rows * a, b}); });
  y = transform(plan, y);
  return apply(y, [&](const Tensor& t) {
    return reshape(transpose(reshape(t, {rows, a, b}), {0, 2, 1}), {rows, n});
  });
}

// j k = (j^2 + k^2 - (k - j)^2) / 2 makes a convolution of it.
ComplexTensor by_convolution(const Plan& plan, const ComplexTensor& x, int64_t n) {
  int64_t wide = 1;
  while (wide < 2 * n - 1) wide *= 2;
  const auto half_square = [n](int64_t j) { return j * j % (2 * n); };
  const ComplexTensor chirp =
      roots(plan, 1, n, 2 * n, [&](int64_t, int64_t j) { return half_square(j); });
  const Plan turned{plan.dtype, -plan.sign};
  const auto padded = [&](const Tensor& t) { return pad(t, {0, 0}, {0, wide - n}); };
  ComplexTensor kernel = roots(turned, 1, wide, 2 * n, [&](int64_t, int64_t j) {
    const int64_t distance = std::min(j, wide - j);
    return distance < n ? half_square(distance) : 0;
  });
  const Plan forward{plan.dtype, -1}, back{plan.dtype, 1};
  const ComplexTensor spectrum = product(transform(forward, apply(product(x, chirp, mul), padded)),
                                         transform(forward, kernel), mul);
  const ComplexTensor y = apply(transform(back, spectrum), [&](const Tensor& t) {
    return narrow(t, 1, 0, n) * (1.0 / static_cast<double>(wide));
  });
  return product(y, chirp, mul);
}

// x [rows, n], not divided by n.
ComplexTensor transform(const Plan& plan, const ComplexTensor& x) {
  const int64_t n = x.real.shape()[1];
  if (n <= kFactor) return by_matrix(plan, x, n);
  int64_t a = kFactor;
  while (n % a) --a;
  if (a > 1) return by_factors(plan, x, a, n / a);
  return n <= kMatrix ? by_matrix(plan, x, n) : by_convolution(plan, x, n);
}

}  // namespace

ComplexTensor dft(const ComplexTensor& x, bool inverse) {
  const Shape& shape = x.real.shape();
  const DType dtype = x.real.dtype();
  if (shape.rank() < 1 || shape.back() < 1 || shape.back() > kMost || !is_float(dtype)) {
    fail("dft", "got {}, expected floats with 1 to {} elements along the last axis",
         to_string(x.real.type()), kMost);
  }
  if (x.imag && !(x.imag.type() == x.real.type())) {
    fail("dft", "the parts are {} and {}, expected the same", to_string(x.real.type()),
         to_string(x.imag.type()));
  }
  const int64_t n = shape.back();
  const Plan plan{wide(dtype), inverse ? 1 : -1};
  const ComplexTensor rows = apply(
      x, [&](const Tensor& t) { return reshape(cast(t, plan.dtype), {shape.numel() / n, n}); });
  return apply(transform(plan, rows), [&](const Tensor& t) {
    return cast(reshape(inverse ? t * (1.0 / static_cast<double>(n)) : t, shape), dtype);
  });
}

ComplexTensor dft(const ComplexTensor& x, int64_t axis, bool inverse) {
  const int rank = x.real.rank(), a = normalize_axis(axis, rank, "dft");
  std::vector<int64_t> order;
  for (int i = 0; i < rank; ++i) order.push_back(i);
  std::swap(order[static_cast<size_t>(a)], order.back());
  const auto turned = [&](const Tensor& t) { return a == rank - 1 ? t : transpose(t, order); };
  return apply(dft(apply(x, turned), inverse), turned);
}

}  // namespace suan
