// Softmax and its logarithm, along rows and along other axes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/row.cuh"
#include "suan/backend/cuda/kernels/softmax_params.h"

namespace softmax_kernels {

using suan::cuda::SoftmaxParams;

template <class T, class Row>
__device__ inline void softmax(const SoftmaxParams& p) {
  using C = typename Row::C;
  const bool log = p.log != 0;
  for (int64_t r = Row::Team::first(); r < p.lines; r += Row::Team::step()) {
    Row row(static_cast<const T*>(p.x) + r * p.length, p.length);
    T* y = static_cast<T*>(p.y) + r * p.length;
    ExpSum<C> s = exp_sum_of(row, !log);
    s.total += s.top - s.top;  // NaN where no element is finite or one is infinite
    const C offset = s.top + (log ? rows::log(s.total) : C(0)), factor = C(1) / s.total;
    row.each([&](auto access, int64_t i, int slot) {
      C v[decltype(access)::kWidth];
      row.get(access, i, slot, v);
      SUAN_UNROLL
      for (int k = 0; k < decltype(access)::kWidth; ++k) {
        if (log) {
          v[k] = v[k] - offset;
        } else {
          v[k] = (Row::kHeld ? v[k] : rows::exp(v[k] - offset)) * factor;
        }
      }
      write(access, y, i, v);
    });
  }
}

// Threads side by side take lines side by side; those above one another share a line.
template <class T>
__device__ inline void softmax_columns(const SoftmaxParams& p) {
  using C = Compute<T>;
  __shared__ ExpSum<C> parts[256];
  const int across = p.across, column = threadIdx.x & (across - 1);
  const int strip = threadIdx.x / across, strips = blockDim.x / across;
  const int64_t line = static_cast<int64_t>(blockIdx.x) * across + column;
  const int64_t first = line / p.inner * p.inner * p.length + line % p.inner;
  const int64_t end = line < p.lines ? p.length : 0;
  const T* x = static_cast<const T*>(p.x) + first;
  T* y = static_cast<T*>(p.y) + first;
  ExpSum<C> s = exp_sum_start<C>();
  for (int64_t i = strip; i < end; i += strips) {
    const C v = get<C>(x, i * p.inner);
    exp_sum_add<1>(s, &v);
  }
  parts[threadIdx.x] = s;
  for (int half = strips / 2; half > 0; half /= 2) {
    __syncthreads();
    if (strip < half) {
      parts[threadIdx.x] = exp_sum_merge(parts[threadIdx.x], parts[threadIdx.x + half * across]);
    }
  }
  __syncthreads();
  s = parts[column];
  s.total += s.top - s.top;
  const C offset = s.top + (p.log ? rows::log(s.total) : C(0)), factor = C(1) / s.total;
  for (int64_t i = strip; i < end; i += strips) {
    const C shifted = get<C>(x, i * p.inner) - offset;
    put(y, i * p.inner, p.log ? shifted : rows::exp(shifted) * factor);
  }
}

SUAN_ROW_KERNELS(softmax, SoftmaxParams)
SUAN_KERNELS_FOR_FLOATS(softmax_columns, SoftmaxParams)

}  // namespace softmax_kernels
