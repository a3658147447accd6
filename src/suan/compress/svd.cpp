// One-sided Jacobi: rotations make the vectors of the shorter side orthogonal; their lengths are
// the singular values.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/svd.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/base/error.h"

namespace suan::compress {
namespace {

// `count` vectors, each of `length`, and the rotations that they have gone through.
struct Rotated {
  int64_t count, length;
  std::vector<double> vectors, turns;
  double* vector(int64_t i) { return &vectors[static_cast<size_t>(i * length)]; }
  double* turn(int64_t i) { return &turns[static_cast<size_t>(i * count)]; }
};

double dot(const double* a, const double* b, int64_t n) {
  return std::inner_product(a, a + n, b, 0.0);
}

void rotate(double* a, double* b, int64_t n, double c, double s) {
  for (int64_t i = 0; i < n; ++i) {
    const double x = a[i], y = b[i];
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}

// Whether the two were not orthogonal.
bool make_orthogonal(Rotated& m, int64_t i, int64_t j) {
  constexpr double kOrthogonal = 1e-15;
  double *a = m.vector(i), *b = m.vector(j);
  const double aa = dot(a, a, m.length), bb = dot(b, b, m.length), ab = dot(a, b, m.length);
  if (std::abs(ab) <= kOrthogonal * std::sqrt(aa * bb)) return false;
  const double zeta = (bb - aa) / (2 * ab);
  const double t = std::copysign(1.0, zeta) / (std::abs(zeta) + std::hypot(1.0, zeta));
  const double c = 1 / std::hypot(1.0, t), s = c * t;
  rotate(a, b, m.length, c, s);
  rotate(m.turn(i), m.turn(j), m.count, c, s);
  return true;
}

}  // namespace

Svd svd(std::span<const double> a, int64_t rows, int64_t columns) {
  if (rows < 1 || columns < 1 || static_cast<int64_t>(a.size()) != rows * columns) {
    fail("svd", "got {} numbers for {} rows and {} columns", a.size(), rows, columns);
  }
  double top = 0;
  for (const double x : a) {
    if (!std::isfinite(x)) fail(ErrorCode::kNumeric, "svd", "the matrix holds NaN or infinity");
    top = std::max(top, std::abs(x));
  }
  const double unit = top > 0 ? top : 1;  // squares neither overflow nor vanish
  const bool tall = rows >= columns;
  Rotated m{tall ? columns : rows, tall ? rows : columns, std::vector<double>(a.size()), {}};
  for (int64_t i = 0; i < m.count; ++i) {
    for (int64_t k = 0; k < m.length; ++k) {
      m.vector(i)[k] = a[static_cast<size_t>(tall ? k * columns + i : i * columns + k)] / unit;
    }
  }
  m.turns.assign(static_cast<size_t>(m.count * m.count), 0);
  for (int64_t i = 0; i < m.count; ++i) m.turn(i)[i] = 1;

  constexpr int kMostSweeps = 60;  // it converges quadratically: about ten are needed
  bool turned = true;
  for (int sweep = 0; turned && sweep < kMostSweeps; ++sweep) {
    turned = false;
    for (int64_t i = 0; i < m.count; ++i) {
      for (int64_t j = i + 1; j < m.count; ++j) turned = make_orthogonal(m, i, j) || turned;
    }
  }

  std::vector<double> lengths;
  for (int64_t i = 0; i < m.count; ++i) {
    lengths.push_back(std::sqrt(dot(m.vector(i), m.vector(i), m.length)));
  }
  std::vector<int64_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(),
                           [&](int64_t i) { return lengths[static_cast<size_t>(i)]; });
  Svd result{rows, columns, {}, {}, {}};
  std::vector<double>&longer = tall ? result.u : result.v, &shorter = tall ? result.v : result.u;
  for (const int64_t i : order) {
    const double length = lengths[static_cast<size_t>(i)];
    result.s.push_back(length * unit);
    for (int64_t k = 0; k < m.length; ++k)
      longer.push_back(length > 0 ? m.vector(i)[k] / length : 0);
    shorter.insert(shorter.end(), m.turn(i), m.turn(i) + m.count);
  }
  return result;
}

}  // namespace suan::compress
