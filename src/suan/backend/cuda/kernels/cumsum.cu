// Running sums. A block goes along a row tile by tile and carries the sum so far; in columns each
// thread goes along a line of its own. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/cumsum_params.h"
#include "suan/backend/cuda/kernels/row.cuh"

namespace cumsum_kernels {

using suan::cuda::CumsumParams;

constexpr int kEach = 4;  // elements of a thread in a tile

// The sum of x over the threads before this one; `total`: over all.
template <class C>
__device__ inline C sum_before(C x, C* warps, C& total) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  C sum = x;
  for (int step = 1; step < 32; step *= 2) {
    const C other = __shfl_up_sync(0xffffffffu, sum, step);
    if (lane >= step) sum = rows::add(other, sum);
  }
  const C inside = __shfl_up_sync(0xffffffffu, sum, 1);
  __syncthreads();  // all have read what the last tile left there
  if (lane == 31) warps[warp] = sum;
  __syncthreads();
  C before = 0;
  total = 0;
  for (int w = 0; w < static_cast<int>(blockDim.x >> 5); ++w) {
    if (w == warp) before = total;
    total = rows::add(total, warps[w]);
  }
  return lane == 0 ? before : rows::add(before, inside);
}

template <class T>
__device__ inline void cumsum_rows(const CumsumParams& p) {
  using C = Compute<T>;
  __shared__ C warps[32];
  const int64_t tile = static_cast<int64_t>(blockDim.x) * kEach;
  for (int64_t r = blockIdx.x; r < p.lines; r += gridDim.x) {
    const T* x = static_cast<const T*>(p.x) + r * p.length;
    T* y = static_cast<T*>(p.y) + r * p.length;
    C carried = 0;
    for (int64_t start = 0; start < p.length; start += tile) {
      const int64_t first = start + static_cast<int64_t>(threadIdx.x) * kEach;
      C v[kEach], sum = 0, total;
      SUAN_UNROLL
      for (int k = 0; k < kEach; ++k) {
        const int64_t i = p.reverse ? p.length - 1 - first - k : first + k;
        v[k] = first + k < p.length ? get<C>(x, i) : C(0);
        sum = rows::add(sum, v[k]);
      }
      C here = rows::add(carried, sum_before(sum, warps, total));
      carried = rows::add(carried, total);
      SUAN_UNROLL
      for (int k = 0; k < kEach; ++k) {
        const int64_t i = p.reverse ? p.length - 1 - first - k : first + k;
        const C next = rows::add(here, v[k]);
        if (first + k < p.length) put(y, i, p.exclusive ? here : next);
        here = next;
      }
    }
  }
}

template <class T>
__device__ inline void cumsum_columns(const CumsumParams& p) {
  using C = Compute<T>;
  for (int64_t line = thread_number(); line < p.lines; line += thread_count()) {
    const int64_t outer = line / p.inner;
    const int64_t first = outer * p.inner * p.length + (line - outer * p.inner);
    const int64_t last = first + (p.length - 1) * p.inner;
    const int64_t step = p.reverse ? -p.inner : p.inner;
    int64_t at = p.reverse ? last : first;
    C sum = 0;
    SUAN_UNROLL_4
    for (int64_t i = 0; i < p.length; ++i, at += step) {
      const C next = rows::add(sum, get<C>(static_cast<const T*>(p.x), at));
      put(static_cast<T*>(p.y), at, p.exclusive ? sum : next);
      sum = next;
    }
  }
}

// Integers wrap, so that their sign does not matter.
#define SUAN_CUMSUM_KERNELS(function)              \
  SUAN_KERNELS_FOR_FLOATS(function, CumsumParams)  \
  SUAN_KERNEL(function, b1, int8_t, CumsumParams)  \
  SUAN_KERNEL(function, b2, int16_t, CumsumParams) \
  SUAN_KERNEL(function, b4, int32_t, CumsumParams) \
  SUAN_KERNEL(function, b8, int64_t, CumsumParams)
SUAN_CUMSUM_KERNELS(cumsum_rows)
SUAN_CUMSUM_KERNELS(cumsum_columns)

}  // namespace cumsum_kernels
