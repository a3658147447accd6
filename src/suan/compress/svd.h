// Singular value decomposition by one-sided Jacobi rotations in f64. Golub and Van Loan, "Matrix
// computations", section 8.6.3; as exact for small singular values as for large ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace suan::compress {

// a = u diag(s) v^T of a matrix of rows x columns; k = min(rows, columns). Vectors lie one after
// another: u[i * rows + r] is element r of the i-th left one, v[i * columns + c] likewise. Those of
// singular values that are 0 are 0 too on the longer side.
struct Svd {
  int64_t rows = 0, columns = 0;
  std::vector<double> u, s, v;  // s falls
  int64_t rank() const { return static_cast<int64_t>(s.size()); }
};

// Of a row-major matrix. Throws Error when it holds NaN or infinity, and unless rows and columns
// are 1 or more and its size is theirs.
Svd svd(std::span<const double> a, int64_t rows, int64_t columns);

}  // namespace suan::compress
