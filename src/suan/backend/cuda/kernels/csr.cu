// Sparse products. csr_check reports what is wrong with the matrix; the others bound every number
// of it by themselves, so that none needs to wait for that. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/csr_params.h"
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/faults.cuh"

namespace csrs {

using namespace suan::cuda;

__device__ inline void check(const CsrCheckParams& p) {
  const CsrMatrix& m = p.matrix;
  DeviceFault* fault = static_cast<DeviceFault*>(p.fault);
  const int64_t count = max(m.rows + 1, m.stored);
  for (int64_t i = thread_number(); i < count; i += thread_count()) {
    if (i <= m.rows) {
      const int64_t offset = m.offsets[i], high = i == 0 ? 0 : m.stored;
      const int64_t low = i == m.rows ? m.stored : i == 0 ? 0 : m.offsets[i - 1];
      if (offset < low || offset > high) {
        report(fault, p.step, kBadOffset, offset, i, low, high);
      }
    }
    if (i < m.stored && (m.columns[i] < 0 || m.columns[i] >= m.width)) {
      report(fault, p.step, kBadColumn, m.columns[i], i, m.width);
    }
  }
}

__device__ inline int64_t offset_at(const CsrMatrix& m, int64_t i) {
  return min(max(m.offsets[i], int64_t(0)), m.stored);
}
__device__ inline bool has_column(const CsrMatrix& m, int64_t e) {
  return m.columns[e] >= 0 && m.columns[e] < m.width;
}
template <class T>
__device__ inline Compute<T> value_at(const CsrMatrix& m, int64_t e) {
  using C = Compute<T>;
  return m.values ? get<C>(static_cast<const T*>(m.values), e) : C(1);
}
// The last row that begins at or before an element.
__device__ inline int64_t row_of(const CsrMatrix& m, int64_t e) {
  int64_t low = 0, high = m.rows - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (m.offsets[middle] <= e) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

template <class T>
__device__ inline void csr_matmul(const CsrProductParams& p) {
  using C = Compute<T>;
  const CsrMatrix& m = p.matrix;
  const auto n = static_cast<int64_t>(p.n.by);
  const T* dense = static_cast<const T*>(p.a);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    uint64_t row = t;
    const int64_t j = split(row, p.n), end = offset_at(m, static_cast<int64_t>(row) + 1);
    C sum = 0;
    for (int64_t e = offset_at(m, static_cast<int64_t>(row)); e < end; ++e) {
      if (has_column(m, e)) sum += value_at<T>(m, e) * get<C>(dense, m.columns[e] * n + j);
    }
    put(static_cast<T*>(p.y), t, sum);
  }
}

__device__ inline void places(const CsrPlacesParams& p) {
  const CsrMatrix& m = p.matrix;
  for (int64_t e = thread_number(); e < m.stored; e += thread_count()) {
    p.columns[e] = static_cast<uint32_t>(has_column(m, e) ? m.columns[e] : m.width);
    p.rows[e] = static_cast<uint32_t>(row_of(m, e));
  }
}

// The first of the elements with a column sums all of them.
template <class T>
__device__ inline void csr_transposed(const CsrProductParams& p) {
  using C = Compute<T>;
  const CsrMatrix& m = p.matrix;
  const auto n = static_cast<int64_t>(p.n.by);
  const T* dense = static_cast<const T*>(p.a);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    uint64_t first = t;
    const int64_t j = split(first, p.n);
    const uint32_t column = p.columns[first];
    if (column >= m.width || (first > 0 && p.columns[first - 1] == column)) continue;
    C sum = 0;
    for (auto k = static_cast<int64_t>(first); k < m.stored && p.columns[k] == column; ++k) {
      const uint32_t e = p.order[k];
      sum += value_at<T>(m, e) * get<C>(dense, p.rows[e] * n + j);
    }
    put(static_cast<T*>(p.y), column * n + j, sum);
  }
}

// A warp for each element.
template <class T>
__device__ inline void csr_dot(const CsrProductParams& p) {
  using C = Compute<T>;
  const CsrMatrix& m = p.matrix;
  const auto n = static_cast<int64_t>(p.n.by);
  const int lane = threadIdx.x & 31;
  for (int64_t e = thread_number() / 32; e < m.stored; e += thread_count() / 32) {
    C sum = 0;
    if (m.rows > 0 && has_column(m, e)) {
      const T* a = static_cast<const T*>(p.a) + row_of(m, e) * n;
      const T* b = static_cast<const T*>(p.b) + m.columns[e] * n;
      for (int64_t j = lane; j < n; j += 32) sum += get<C>(a, j) * get<C>(b, j);
    }
    sum = warp_reduce<Plus>(sum);
    if (lane == 0) put(static_cast<T*>(p.y), e, sum);
  }
}

SUAN_GLOBAL(csr_check, CsrCheckParams) { check(p); }
SUAN_GLOBAL(csr_places, CsrPlacesParams) { places(p); }
SUAN_KERNELS_FOR_FLOATS(csr_matmul, CsrProductParams)
SUAN_KERNELS_FOR_FLOATS(csr_transposed, CsrProductParams)
SUAN_KERNELS_FOR_FLOATS(csr_dot, CsrProductParams)

}  // namespace csrs
