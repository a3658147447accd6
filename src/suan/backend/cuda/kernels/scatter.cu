// Updates combined into rows of y, those of one row in a fixed order. Of sorted updates,
// scatter_runs combines pieces of at most 64 and scatter_join what belongs to longer runs; of a
// few, each looks for its equals itself (scatter_few). set_* only keep the last.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/rows.cuh"
#include "suan/backend/cuda/kernels/scatter_params.h"

namespace scatters {

using namespace suan::cuda;
using Piece = Vec<uint64_t, 2>;

template <class C>
__device__ inline C combined(Combining how, C a, C b) {
  switch (how) {
    case Combining::mul:
      return rows::multiply(a, b);
    case Combining::max:
      return rows::maximum(a, b);
    case Combining::min:
      return rows::minimum(a, b);
    default:
      return rows::add(a, b);
  }
}

// A thread's column, and the update that it begins with.
struct Place {
  uint32_t at;
  int64_t o, i;
  __device__ Place(const ScatterParams& p, uint64_t thread) {
    i = split(thread, p.inner);
    o = split(thread, p.outer);
    at = static_cast<uint32_t>(thread);
  }
  __device__ int64_t of_row(const ScatterParams& p, uint32_t row) const {
    return (o * p.size + row) * static_cast<int64_t>(p.inner.by) + i;
  }
  __device__ int64_t of_update(const ScatterParams& p, uint32_t number) const {
    return (o * static_cast<int64_t>(p.count) + number) * static_cast<int64_t>(p.inner.by) + i;
  }
  __device__ int64_t of_part(const ScatterParams& p, uint32_t slot) const {
    return (slot * static_cast<int64_t>(p.outer.by) + o) * static_cast<int64_t>(p.inner.by) + i;
  }
};

// The elements of a piece in the type that they are combined in.
template <class T, int kEach>
struct Sum {
  using C = Compute<T>;
  using Stored = Vec<T, kEach>;
  C v[kEach];

  __device__ void load(const void* from, int64_t at) {
    const Stored x = static_cast<const Stored*>(from)[at];
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) v[e] = get<C>(x.v, e);
  }
  __device__ void meet(Combining how, const Sum& later) {
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) v[e] = combined(how, v[e], later.v[e]);
  }
  __device__ void finish(const ScatterParams& p, int64_t at) const {
    Sum all = *this;
    if (!p.fresh) {
      all.load(p.y, at);
      all.meet(p.combining, *this);
    }
    Stored y;
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) put(y.v, e, all.v[e]);
    static_cast<Stored*>(p.y)[at] = y;
  }
};

template <class T, int kEach>
__device__ inline void few(const ScatterParams& p) {
  for (uint64_t t = thread_number(); t < p.threads; t += thread_count()) {
    const Place place(p, t);
    const uint32_t key = p.keys[place.at];
    bool first = key != p.none;
    for (uint32_t j = 0; first && j < place.at; ++j) first = p.keys[j] != key;
    if (!first) continue;
    Sum<T, kEach> sum, next;
    sum.load(p.updates, place.of_update(p, place.at));
    for (uint32_t j = place.at + 1; j < p.count; ++j) {
      if (p.keys[j] != key) continue;
      next.load(p.updates, place.of_update(p, j));
      sum.meet(p.combining, next);
    }
    sum.finish(p, place.of_row(p, key));
  }
}

// Sorted updates [at, end) of one row. Several loads are under way at once.
template <class T, int kEach>
__device__ inline Sum<T, kEach> sum_of(const ScatterParams& p, const Place& place, uint32_t end) {
  constexpr uint32_t kAtOnce = kEach > 4 ? 2 : 4;
  Sum<T, kEach> sum, next[kAtOnce];
  sum.load(p.updates, place.of_update(p, p.order[place.at]));
  for (uint32_t j = place.at + 1; j < end; j += kAtOnce) {
    SUAN_UNROLL
    for (uint32_t k = 0; k < kAtOnce; ++k) {
      if (j + k < end) next[k].load(p.updates, place.of_update(p, p.order[j + k]));
    }
    SUAN_UNROLL
    for (uint32_t k = 0; k < kAtOnce; ++k) {
      if (j + k < end) sum.meet(p.combining, next[k]);
    }
  }
  return sum;
}

template <class T, int kEach>
__device__ inline void runs(const ScatterParams& p) {
  for (uint64_t t = thread_number(); t < p.threads; t += thread_count()) {
    const Place place(p, t);
    const uint32_t at = place.at, key = p.keys[at];
    const bool head = at == 0 || p.keys[at - 1] != key;
    if (key == p.none || (!head && at % kRunPiece != 0)) continue;
    const uint32_t piece = at / kRunPiece, most = min(p.count, (piece + 1) * kRunPiece);
    uint32_t end = at + 1;
    while (end < most && p.keys[end] == key) ++end;
    const Sum<T, kEach> sum = sum_of<T, kEach>(p, place, end);
    if (head && (end == p.count || p.keys[end] != key)) {
      sum.finish(p, place.of_row(p, key));
    } else {
      const uint32_t slot = 2 * piece + (at % kRunPiece != 0 ? 1 : 0);
      static_cast<Sum<T, kEach>*>(p.partial)[place.of_part(p, slot)] = sum;
    }
  }
}

// The thread of the first piece that a run goes on into joins all of it.
template <class T, int kEach>
__device__ inline void join(const ScatterParams& p) {
  const Sum<T, kEach>* partial = static_cast<const Sum<T, kEach>*>(p.partial);
  for (uint64_t t = thread_number(); t < p.threads; t += thread_count()) {
    const Place place(p, t);
    uint32_t piece = place.at + 1;
    const uint32_t at = piece * kRunPiece, before = at - kRunPiece, key = p.keys[at];
    const bool whole = p.keys[before] == key;  // the piece before is all of this run
    if (key == p.none || p.keys[at - 1] != key) continue;
    if (whole && before != 0 && p.keys[before - 1] == key) continue;
    Sum<T, kEach> sum = partial[place.of_part(p, 2 * (piece - 1) + (whole ? 0 : 1))];
    for (; piece * kRunPiece < p.count && p.keys[piece * kRunPiece] == key; ++piece) {
      sum.meet(p.combining, partial[place.of_part(p, 2 * piece)]);
    }
    sum.finish(p, place.of_row(p, key));
  }
}

template <class T>
__device__ inline void set_few(const ScatterParams& p) {
  for (uint64_t t = thread_number(); t < p.threads; t += thread_count()) {
    const Place place(p, t);
    const uint32_t key = p.keys[place.at];
    bool last = key != p.none;
    for (uint32_t j = place.at + 1; last && j < p.count; ++j) last = p.keys[j] != key;
    if (!last) continue;
    const T value = static_cast<const T*>(p.updates)[place.of_update(p, place.at)];
    static_cast<T*>(p.y)[place.of_row(p, key)] = value;
  }
}
template <class T>
__device__ inline void set_runs(const ScatterParams& p) {
  for (uint64_t t = thread_number(); t < p.threads; t += thread_count()) {
    const Place place(p, t);
    const uint32_t key = p.keys[place.at];
    if (key == p.none || (place.at + 1 < p.count && p.keys[place.at + 1] == key)) continue;
    const T value = static_cast<const T*>(p.updates)[place.of_update(p, p.order[place.at])];
    static_cast<T*>(p.y)[place.of_row(p, key)] = value;
  }
}

SUAN_KERNELS_FOR_SIZES(set_few, ScatterParams)
SUAN_KERNEL(set_few, b16, Piece, ScatterParams)
SUAN_KERNELS_FOR_SIZES(set_runs, ScatterParams)
SUAN_KERNEL(set_runs, b16, Piece, ScatterParams)

#define SUAN_SCATTERS(suffix, T, each)                                    \
  SUAN_GLOBAL(scatter_few_##suffix, ScatterParams) { few<T, each>(p); }   \
  SUAN_GLOBAL(scatter_runs_##suffix, ScatterParams) { runs<T, each>(p); } \
  SUAN_GLOBAL(scatter_join_##suffix, ScatterParams) { join<T, each>(p); }
SUAN_SCATTERS(f64, double, 1)
SUAN_SCATTERS(f32, float, 1)
SUAN_SCATTERS(bf16, Bf16, 1)
SUAN_SCATTERS(f16, F16, 1)
SUAN_SCATTERS(wide_f64, double, 2)
SUAN_SCATTERS(wide_f32, float, 4)
SUAN_SCATTERS(wide_bf16, Bf16, 8)
SUAN_SCATTERS(wide_f16, F16, 8)
SUAN_SCATTERS(i64, int64_t, 1)
SUAN_SCATTERS(i32, int32_t, 1)
SUAN_SCATTERS(i16, int16_t, 1)
SUAN_SCATTERS(i8, int8_t, 1)
SUAN_SCATTERS(u64, uint64_t, 1)
SUAN_SCATTERS(u32, uint32_t, 1)
SUAN_SCATTERS(u16, uint16_t, 1)
SUAN_SCATTERS(u8, uint8_t, 1)
SUAN_SCATTERS(bool, bool, 1)

}  // namespace scatters
