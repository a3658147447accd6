// The first elements of lines in order, and sorting. A block sorts a segment in shared memory by
// keys: unsigned numbers in the wanted order, with the index below them, so that equal elements
// keep theirs. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/device.cuh"
#include "suan/backend/cuda/kernels/top_k_params.h"

namespace top_k_kernels {

using suan::cuda::TopKParams;

__device__ inline uint32_t key_of(float x) {  // NaN is the largest, both zeros are equal
  if (x != x) return 0xffffffffu;
  const uint32_t bits = x == 0 ? 0 : __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ inline uint64_t key_of(double x) {
  if (x != x) return ~uint64_t(0);
  const uint64_t bits = x == 0 ? 0 : static_cast<uint64_t>(__double_as_longlong(x));
  return bits >> 63 ? ~bits : bits | uint64_t(1) << 63;
}

// Of dtypes of 64 bits, and of narrower ones; `dtype` is suan::DType.
__device__ inline uint64_t wide_key(const TopKParams& p, int64_t at) {
  if (p.dtype == 0) return key_of(static_cast<const double*>(p.x)[at]);
  const uint64_t bits = static_cast<const uint64_t*>(p.x)[at];
  return p.dtype == 4 ? bits ^ uint64_t(1) << 63 : bits;
}
__device__ inline uint32_t narrow_key(const TopKParams& p, int64_t at) {
  constexpr uint32_t kSign = 0x80000000u;
  switch (p.dtype) {
    case 1:
      return key_of(static_cast<const float*>(p.x)[at]);
    case 2:
      return key_of(widen(static_cast<const Bf16*>(p.x)[at]));
    case 3:
      return key_of(widen(static_cast<const F16*>(p.x)[at]));
    case 5:
      return static_cast<uint32_t>(static_cast<const int32_t*>(p.x)[at]) ^ kSign;
    case 6:
      return static_cast<uint32_t>(static_cast<const int16_t*>(p.x)[at]) ^ kSign;
    case 7:
      return static_cast<uint32_t>(static_cast<const int8_t*>(p.x)[at]) ^ kSign;
    case 9:
      return static_cast<const uint32_t*>(p.x)[at];
    case 10:
      return static_cast<const uint16_t*>(p.x)[at];
    default:
      return static_cast<const uint8_t*>(p.x)[at];
  }
}

// An array of keys in shared memory; an index is in the low half of its key, or beside it.
template <bool kApart>
struct Keys {
  uint64_t* keys;
  uint32_t* indices;

  __device__ inline void set(int j, uint64_t key, uint32_t index) {
    keys[j] = kApart ? key : key << 32 | index;
    if (kApart) indices[j] = index;
  }
  __device__ inline uint32_t index(int j) const {
    return kApart ? indices[j] : static_cast<uint32_t>(keys[j]);
  }
  __device__ inline void order(int i, int j, bool ascending) {
    const uint64_t a = keys[i], b = keys[j];
    const bool after = a > b || (kApart && a == b && indices[i] > indices[j]);
    if (after != ascending) return;
    keys[i] = b;
    keys[j] = a;
    if (kApart) {
      const uint32_t t = indices[i];
      indices[i] = indices[j];
      indices[j] = t;
    }
  }
  // Batcher's bitonic sort.
  __device__ inline void sort(int count) {
    for (int size = 2; size <= count; size *= 2) {
      for (int step = size / 2; step > 0; step /= 2) {
        __syncthreads();
        for (int t = threadIdx.x; t < count / 2; t += blockDim.x) {
          const int i = 2 * t - (t & (step - 1));
          order(i, i + step, (i & size) == 0);
        }
      }
    }
    __syncthreads();
  }
};

__device__ inline void copy_element(const void* from, int64_t i, void* to, int64_t j, int size) {
  switch (size) {
    case 8:
      static_cast<uint64_t*>(to)[j] = static_cast<const uint64_t*>(from)[i];
      break;
    case 4:
      static_cast<uint32_t*>(to)[j] = static_cast<const uint32_t*>(from)[i];
      break;
    case 2:
      static_cast<uint16_t*>(to)[j] = static_cast<const uint16_t*>(from)[i];
      break;
    default:
      static_cast<uint8_t*>(to)[j] = static_cast<const uint8_t*>(from)[i];
      break;
  }
}

template <bool kApart>
__device__ inline void load(const TopKParams& p, Keys<kApart>& sorted, int j, int64_t first) {
  const int64_t i = static_cast<int64_t>(blockIdx.y) * p.segment + j;
  if (i >= p.count || j >= p.segment) return sorted.set(j, ~uint64_t(0), 0xffffffffu);  // the last
  if (p.keys_in) {
    const int64_t at = blockIdx.x * p.count + i;
    sorted.keys[j] = p.keys_in[at];
    if (kApart) sorted.indices[j] = p.indices_in[at];
    return;
  }
  uint64_t key = kApart ? wide_key(p, first + i * p.inner) : narrow_key(p, first + i * p.inner);
  if (p.largest) key = kApart ? ~key : key ^ 0xffffffffu;
  sorted.set(j, key, static_cast<uint32_t>(i));
}

template <bool kApart>
__device__ inline void top_k(const TopKParams& p) {
  SUAN_DYNAMIC_SHARED(shared);
  Keys<kApart> sorted;
  sorted.keys = reinterpret_cast<uint64_t*>(shared);
  sorted.indices = reinterpret_cast<uint32_t*>(sorted.keys + p.padded);
  const int64_t line = blockIdx.x, outer = line / p.inner, column = line - outer * p.inner;
  const int64_t first = outer * p.length * p.inner + column;
  for (int j = threadIdx.x; j < p.padded; j += blockDim.x) load(p, sorted, j, first);
  sorted.sort(p.padded);
  for (int j = threadIdx.x; j < p.kept; j += blockDim.x) {
    if (p.keys_out) {
      const int64_t to = (line * gridDim.y + blockIdx.y) * p.kept + j;
      p.keys_out[to] = sorted.keys[j];
      if (kApart) p.indices_out[to] = sorted.indices[j];
      continue;
    }
    const int64_t index = sorted.index(j), to = (outer * p.kept + j) * p.inner + column;
    if (p.indices) p.indices[to] = index;
    if (p.values) copy_element(p.x, first + index * p.inner, p.values, to, p.size);
  }
}

SUAN_GLOBAL(top_k_narrow, TopKParams) { top_k<false>(p); }
SUAN_GLOBAL(top_k_wide, TopKParams) { top_k<true>(p); }

}  // namespace top_k_kernels
