// Products with a sparse matrix in CSR form (compressed sparse rows). Where the matrix lies is
// data; what it holds can be differentiated. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct CsrAttrs {
  bool transpose = false;  // multiply by the transposed matrix
  int64_t columns = 0;     // of the matrix; given when transposed, else the dense operand's rows
  bool symmetric = false;  // the caller says that matrix and transpose are equal, which saves the
                           // gradient a transposition
  bool operator==(const CsrAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"transpose", &CsrAttrs::transpose},
                      Field{"columns", &CsrAttrs::columns},
                      Field{"symmetric", &CsrAttrs::symmetric}};
  }
};

// The m x k matrix A whose row i holds values[e] in column columns[e] for e in [offsets[i],
// offsets[i + 1]): offsets i64[m + 1], columns i64[nnz], values [nnz] of dense's dtype (undefined:
// all 1). Equal columns of a row add up.

// y = A dense: dense [k, n] gives [m, n]. With transpose y = A^T dense: dense [m, n] gives
// [attrs.columns, n]. Sums run in the order of e, so results do not depend on threads. Throws Error
// when shapes or dtypes do not fit; the run throws Error(kOutOfRange) unless offsets rise from 0 to
// nnz and columns are in [0, k).
Tensor csr_matmul(const Tensor& offsets, const Tensor& columns, const Tensor& values,
                  const Tensor& dense, CsrAttrs attrs = {});
// y[e] = sum_j a[i, j] b[columns[e], j], e in row i: the product a b^T at A's places alone, a [m,
// n] and b [k, n]. It is csr_matmul's gradient in values.
Tensor csr_dot(const Tensor& offsets, const Tensor& columns, const Tensor& a, const Tensor& b);

}  // namespace suan
