// Strided copies of elements of 1 to 8 bytes, or of pieces of 16: copy_* in the order of the
// result, copy_tiles_* by tiles where what is contiguous changes, copy_repeated_* of one element
// for 16 bytes, copy_padded_* with a number around. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/move_params.h"

namespace moves {

using namespace suan::cuda;
using Piece = Vec<uint64_t, 2>;
constexpr int kAtOnce = 4;  // loads that a thread has under way

// Where piece `at` of the result comes from and goes to.
__device__ inline void locate(const CopyParams& p, uint64_t at, int64_t& from, int64_t& to) {
  from = to = 0;
  for (int d = 0; d < p.rank; ++d) {
    const int64_t i = split(at, p.dims[d].size);
    from += i * p.dims[d].from;
    to += i * p.dims[d].to;
  }
}

template <class T>
__device__ inline void copy(const CopyParams& p) {
  const T* from = static_cast<const T*>(p.from);
  T* to = static_cast<T*>(p.to);
  const uint64_t step = thread_count();
  for (uint64_t at = thread_number(); at < p.count; at += step * kAtOnce) {
    T value[kAtOnce];
    int64_t place[kAtOnce];
    SUAN_UNROLL
    for (int e = 0; e < kAtOnce; ++e) {
      if (at + e * step >= p.count) continue;
      int64_t source;
      locate(p, at + e * step, source, place[e]);
      value[e] = from[source];
    }
    SUAN_UNROLL
    for (int e = 0; e < kAtOnce; ++e) {
      if (at + e * step < p.count) to[place[e]] = value[e];
    }
  }
}

template <class T>
__device__ inline void copy_repeated(const CopyParams& p) {
  constexpr int kCount = 16 / sizeof(T);
  using Wide = Vec<T, kCount>;
  const T* from = static_cast<const T*>(p.from);
  Wide* to = static_cast<Wide*>(p.to);
  for (uint64_t at = thread_number(); at < p.count; at += thread_count()) {
    int64_t source, place;
    locate(p, at, source, place);
    const T value = from[source];
    Wide wide;
    for (int k = 0; k < kCount; ++k) wide.v[k] = value;
    to[place] = wide;
  }
}

// A tile has 32 packs of at least 4 bytes on either side. Rows in shared memory are an odd number
// of packs apart, so that neither way of reading them meets one bank only.
template <class T>
__device__ inline void copy_tiles(const TilesParams& p) {
  constexpr int kPack = sizeof(T) < 4 ? 4 / sizeof(T) : 1, kSide = 32 * kPack, kWarps = 8;
  using Pack = Vec<T, kPack>;
  __shared__ Pack tile[kSide][33];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  for (uint64_t number = blockIdx.x; number < p.tiles; number += gridDim.x) {
    uint64_t rest = number;
    const int64_t row = split(rest, p.row_tiles) * kSide, line = split(rest, p.line_tiles) * kSide;
    const T* from = static_cast<const T*>(p.from) + row + line * p.line_from;
    T* to = static_cast<T*>(p.to) + row * p.rows_to + line;
    for (int d = 0; d < p.rank; ++d) {
      const int64_t i = split(rest, p.dims[d].size);
      from += i * p.dims[d].from;
      to += i * p.dims[d].to;
    }
    const int rows = static_cast<int>(min(int64_t(kSide), p.rows - row));
    const int lines = static_cast<int>(min(int64_t(kSide), p.line - line));
    for (int l = warp; l < lines; l += kWarps) {
      const T* x = from + l * p.line_from + lane * kPack;
      if (p.packed_from) {
        if (lane * kPack < rows) tile[l][lane] = *reinterpret_cast<const Pack*>(x);
      } else {
        for (int k = 0; k < kPack; ++k) {
          if (lane * kPack + k < rows) tile[l][lane].v[k] = x[k];
        }
      }
    }
    __syncthreads();
    for (int r = warp; r < rows; r += kWarps) {
      Pack pack;
      for (int k = 0; k < kPack; ++k) {
        pack.v[k] = tile[lane * kPack + k][r / kPack].v[r % kPack];
      }
      T* y = to + r * p.rows_to + lane * kPack;
      if (p.packed_to) {
        if (lane * kPack < lines) *reinterpret_cast<Pack*>(y) = pack;
      } else {
        for (int k = 0; k < kPack; ++k) {
          if (lane * kPack + k < lines) y[k] = pack.v[k];
        }
      }
    }
    __syncthreads();
  }
}

template <class T>
__device__ inline void copy_padded(const PadParams& p) {
  const T* from = static_cast<const T*>(p.from);
  T* to = static_cast<T*>(p.to);
  const T fill = *reinterpret_cast<const T*>(p.fill);
  for (uint64_t at = thread_number(); at < p.count; at += thread_count()) {
    uint64_t rest = at;
    int64_t source = 0;
    bool inside = true;
    for (int d = 0; d < p.rank; ++d) {
      const PadDim& dim = p.dims[d];
      uint64_t i = split(rest, dim.size) - dim.begin;  // wraps before the first
      if (static_cast<int64_t>(i) < 0) inside = false;
      if (dim.step.by != 1 && inside && split(i, dim.step) != 0) inside = false;
      if (static_cast<int64_t>(i) >= dim.count) inside = false;
      source += static_cast<int64_t>(i) * dim.from;
    }
    to[at] = inside ? from[source] : fill;
  }
}

__device__ inline void splat_bytes(const SplatParams& p) {
  const Piece fill = *reinterpret_cast<const Piece*>(p.fill);
  Piece* to = static_cast<Piece*>(p.to);
  const uint64_t whole = p.bytes / 16;
  for (uint64_t at = thread_number(); at < whole; at += thread_count()) to[at] = fill;
  const uint64_t rest = whole * 16 + threadIdx.x;
  if (blockIdx.x == 0 && rest < p.bytes) {
    static_cast<unsigned char*>(p.to)[rest] = p.fill[threadIdx.x];
  }
}

SUAN_KERNELS_FOR_SIZES(copy, CopyParams)
SUAN_KERNEL(copy, b16, Piece, CopyParams)
SUAN_KERNELS_FOR_SIZES(copy_repeated, CopyParams)
SUAN_KERNELS_FOR_SIZES(copy_tiles, TilesParams)
SUAN_KERNELS_FOR_SIZES(copy_padded, PadParams)
SUAN_KERNEL(copy_padded, b16, Piece, PadParams)
SUAN_GLOBAL(splat, SplatParams) { splat_bytes(p); }

}  // namespace moves
