// Arguments of the kernels in csr.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"

namespace suan::cuda {

// A sparse matrix: row i holds values[e] in column columns[e] for e in [offsets[i], offsets[i +
// 1]).
struct CsrMatrix {
  const int64_t *offsets, *columns;
  const void* values;           // null: all are 1
  int64_t rows, stored, width;  // offsets - 1, elements, columns that there are
};
struct CsrCheckParams {
  CsrMatrix matrix;
  void* fault;
  int32_t step, unused;
};
// Of each element: its column (`width` where that is outside) and its row.
struct CsrPlacesParams {
  CsrMatrix matrix;
  uint32_t *columns, *rows;
};
struct CsrProductParams {
  CsrMatrix matrix;
  const void *a, *b;  // dense; of the product at the matrix' places, both
  void* y;
  const uint32_t *columns, *order, *rows;  // of the transposed product: sorted, which, its row
  uint64_t count;                          // elements of the result, or pairs of element and column
  Divider n;
};

}  // namespace suan::cuda
