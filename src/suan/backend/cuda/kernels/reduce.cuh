// Reductions over any axes, as templates over what is reduced how. An operation `Op` has
//   State, start(), add<kWidth, kColumns>(p, states, offset, index, output), which takes kWidth
//   elements from `offset` on: of as many results (columns) or all of one, merge(a, b), and
//   finish(p, output, state).
// Results never depend on timing: parts of a result are merged in a fixed order.
// SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_REDUCE_CUH
#define SUAN_REDUCE_CUH
#include "suan/backend/cuda/kernels/reduce_params.h"
#include "suan/backend/cuda/kernels/row.cuh"

namespace reduction {

using suan::cuda::ReduceDims;
using suan::cuda::ReduceParams;
using suan::cuda::ReduceShape;

constexpr int kThreads = 256;

// What the gradients of scale and shift are summed in.
template <class C>
struct ScaleAndShift {
  struct State {
    C scale, shift;
  };
  static __device__ inline State start() { return {C(0), C(0)}; }
  static __device__ inline State merge(State a, State b) {
    return {a.scale + b.scale, a.shift + b.shift};
  }
};

// Of an index that counts the dims from `d` on.
__device__ inline int64_t offset_of(const ReduceDims& dims, int64_t index, int d = 0) {
  int64_t offset = 0;
  for (; d < dims.rank; ++d) {
    const int64_t rest = d + 1 < dims.rank ? index / dims.size[d] : 0;
    offset += (index - rest * dims.size[d]) * dims.stride[d];
    index = rest;
  }
  return offset;
}

// Calls f(offset, index) for index = first, first + step, ... below `end`: positions along `dims`,
// of which the innermost counts `unit` elements as one. The others change rarely where lines are
// long, so the division stays out of the loop.
template <class F>
__device__ inline void walk(const ReduceDims& dims, int64_t unit, int64_t first, int64_t end,
                            int64_t step, F f) {
  if (first >= end) return;
  const int64_t stride = dims.stride[0] * unit;
  if (dims.rank <= 1) {
    SUAN_UNROLL_4
    for (int64_t i = first; i < end; i += step) f(i * stride, i);
    return;
  }
  const int64_t line = dims.size[0] / unit;
  const int64_t outer_step = step / line, inner_step = step - outer_step * line;
  int64_t outer = first / line, at = first - outer * line;
  int64_t base = offset_of(dims, outer, 1);
  for (int64_t i = first; i < end; i += step) {
    f(base + at * stride, i);
    at += inner_step;
    const bool carry = at >= line;
    if (carry) at -= line;
    if (!carry && outer_step == 0) continue;
    outer += outer_step + carry;
    base = dims.rank == 2 ? outer * dims.stride[1] : offset_of(dims, outer, 1);
  }
}

// A state from the lane that `mask` away, in 32-bit words.
template <class State>
__device__ inline State from_lane(const State& mine, int mask) {
  union Words {
    State state;
    unsigned words[sizeof(State) / 4];
    __device__ inline Words() {}
  } w;
  w.state = mine;
  SUAN_UNROLL
  for (int i = 0; i < static_cast<int>(sizeof(State) / 4); ++i) {
    w.words[i] = __shfl_xor_sync(0xffffffffu, w.words[i], mask);
  }
  return w.state;
}
// Lower lanes come first in every merge, so that all lanes get the same.
template <class Op>
__device__ inline typename Op::State merge_warp(typename Op::State s) {
  for (int mask = 1; mask < 32; mask *= 2) {
    const typename Op::State other = from_lane(s, mask);
    s = (threadIdx.x & mask) ? Op::merge(other, s) : Op::merge(s, other);
  }
  return s;
}
template <class Op>
__device__ inline typename Op::State merge_block(typename Op::State s, typename Op::State* parts) {
  s = merge_warp<Op>(s);
  if ((threadIdx.x & 31) == 0) parts[threadIdx.x >> 5] = s;
  __syncthreads();
  s = parts[0];
  for (int w = 1; w < static_cast<int>(blockDim.x >> 5); ++w) s = Op::merge(s, parts[w]);
  return s;
}

template <class Op, class P>
__device__ inline void keep(const P& p, int64_t output, int64_t part, const typename Op::State& s) {
  if (p.partials) {
    static_cast<typename Op::State*>(p.partials)[output * p.shape.parts + part] = s;
  } else {
    Op::finish(p, output, s);
  }
}

// The innermost dim is reduced: a warp or a block walks along memory.
template <class Op, int kWidth, class P>
__device__ inline void rows_of(const P& p) {
  using State = typename Op::State;
  __shared__ State parts[kThreads / 32];
  const ReduceShape& q = p.shape;
  const bool whole = q.whole != 0;
  const int size = whole ? blockDim.x : 32, rank = threadIdx.x & (size - 1);
  const int64_t output = whole ? blockIdx.x : WarpTeam::first();
  if (output >= q.outputs) return;
  const int64_t base = offset_of(q.kept, output);
  const int64_t first = blockIdx.y * q.part / kWidth;
  const int64_t last = min(q.count, (blockIdx.y + int64_t(1)) * q.part) / kWidth;
  State s = Op::start();
  walk(q.reduced, kWidth, first + rank, last, size, [&](int64_t offset, int64_t i) {
    Op::template add<kWidth, false>(p, &s, base + offset, i * kWidth, output);
  });
  s = whole ? merge_block<Op>(s, parts) : merge_warp<Op>(s);
  if (rank == 0) keep<Op>(p, output, blockIdx.y, s);
}

// The innermost dim is kept: threads side by side have results side by side, those above one
// another share them.
template <class Op, int kWidth, class P>
__device__ inline void columns_of(const P& p) {
  using State = typename Op::State;
  __shared__ State parts[kThreads];
  const ReduceShape& q = p.shape;
  const int across = q.across, column = threadIdx.x & (across - 1);
  const int strip = threadIdx.x / across, strips = blockDim.x / across;
  const int64_t pieces = q.inner / kWidth, tiles = (pieces + across - 1) / across;
  const int64_t outer = blockIdx.x / tiles;
  const int64_t piece = (blockIdx.x - outer * tiles) * across + column;
  const int64_t output = outer * q.inner + piece * kWidth;
  const int64_t base = offset_of(q.kept, outer) + piece * kWidth;
  const bool inside = piece < pieces;
  const int64_t first = blockIdx.y * q.part;
  const int64_t last = inside ? min(q.count, first + q.part) : 0;
  State s[kWidth];
  SUAN_UNROLL
  for (int k = 0; k < kWidth; ++k) s[k] = Op::start();
  walk(q.reduced, 1, first + strip, last, strips, [&](int64_t offset, int64_t i) {
    Op::template add<kWidth, true>(p, s, base + offset, i, output);
  });
  SUAN_UNROLL
  for (int k = 0; k < kWidth; ++k) {
    __syncthreads();
    parts[threadIdx.x] = s[k];
    for (int half = strips / 2; half > 0; half /= 2) {
      __syncthreads();
      if (strip < half) {
        parts[threadIdx.x] = Op::merge(parts[threadIdx.x], parts[threadIdx.x + half * across]);
      }
    }
    if (strip == 0 && inside) keep<Op>(p, output + k, blockIdx.y, parts[threadIdx.x]);
  }
}

// A warp merges the parts of one result.
template <class Op, class P>
__device__ inline void merge_parts(const P& p) {
  using State = typename Op::State;
  const int64_t output = WarpTeam::first();
  if (output >= p.shape.outputs) return;
  const State* parts = static_cast<const State*>(p.partials) + output * p.shape.parts;
  State s = Op::start();
  for (int64_t i = WarpTeam::rank(); i < p.shape.parts; i += 32) s = Op::merge(s, parts[i]);
  s = merge_warp<Op>(s);
  if (WarpTeam::rank() == 0) Op::finish(p, output, s);
}

}  // namespace reduction

// The kernels name_rows_<suffix>, name_rows_wide_<suffix>, name_columns_..., name_merge_<suffix> of
// an operation; which of them run: reduce_plan.cpp.
#define SUAN_REDUCE_KERNELS_FOR(name, suffix, Params, T, ...)                                      \
  SUAN_BOUNDED(256, name##_rows_##suffix, Params) { reduction::rows_of<__VA_ARGS__, 1>(p); }       \
  SUAN_BOUNDED(256, name##_columns_##suffix, Params) { reduction::columns_of<__VA_ARGS__, 1>(p); } \
  SUAN_BOUNDED(256, name##_rows_wide_##suffix, Params) {                                           \
    reduction::rows_of<__VA_ARGS__, Wide<T>::kCount>(p);                                           \
  }                                                                                                \
  SUAN_BOUNDED(256, name##_columns_wide_##suffix, Params) {                                        \
    reduction::columns_of<__VA_ARGS__, Wide<T>::kCount>(p);                                        \
  }                                                                                                \
  SUAN_BOUNDED(256, name##_merge_##suffix, Params) { reduction::merge_parts<__VA_ARGS__>(p); }
// `Op`, a template over the element, for all floats.
#define SUAN_REDUCE_KERNELS(name, Params, Op)                  \
  SUAN_REDUCE_KERNELS_FOR(name, f32, Params, float, Op<float>) \
  SUAN_REDUCE_KERNELS_FOR(name, bf16, Params, Bf16, Op<Bf16>)  \
  SUAN_REDUCE_KERNELS_FOR(name, f16, Params, F16, Op<F16>)     \
  SUAN_REDUCE_KERNELS_FOR(name, f64, Params, double, Op<double>)

#endif
