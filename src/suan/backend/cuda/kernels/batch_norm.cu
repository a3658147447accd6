// Batch normalization and its gradient: reductions for each channel, then a pass over all elements.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/batch_norm_params.h"
#include "suan/backend/cuda/kernels/reduce_ops.cuh"

namespace batch_norm_kernels {

using reduction::MomentsState;
using suan::cuda::BatchNormParams;

template <class T>
struct Statistics {
  using C = Compute<T>;
  using State = MomentsState<C>;
  static __device__ inline State start() { return {C(0), C(0), C(0)}; }
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const BatchNormParams& p, State* s, int64_t offset, int64_t,
                                    int64_t) {
    C v[kWidth];
    read(Access<kWidth, true>(), static_cast<const T*>(p.x), offset, v);
    reduction::add_moments<C, kWidth, kColumns>(s, v);
  }
  static __device__ inline State merge(State a, State b) { return reduction::merge_moments(a, b); }
  static __device__ inline void finish(const BatchNormParams& p, int64_t channel, State s) {
    static_cast<C*>(p.mean)[channel] = s.mean;
    static_cast<C*>(p.variance)[channel] = s.squares / C(p.shape.count);
  }
};

template <class C>
__device__ inline C rstd_of(const BatchNormParams& p, int64_t channel) {
  return C(1) / rows::sqrt(static_cast<const C*>(p.variance)[channel] + C(p.epsilon));
}

// gscale = sum(g (x - mean)) rstd, gshift = sum(g).
template <class T>
struct GradientSums : reduction::ScaleAndShift<Compute<T>> {
  using C = Compute<T>;
  using State = typename reduction::ScaleAndShift<C>::State;
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const BatchNormParams& p, State* s, int64_t offset, int64_t,
                                    int64_t channel) {
    C v[kWidth], g[kWidth];
    read(Access<kWidth, true>(), static_cast<const T*>(p.x), offset, v);
    read(Access<kWidth, true>(), static_cast<const T*>(p.g), offset, g);
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) {
      State& sums = s[kColumns ? k : 0];
      sums.scale += g[k] * (v[k] - static_cast<const C*>(p.mean)[channel + (kColumns ? k : 0)]);
      sums.shift += g[k];
    }
  }
  static __device__ inline void finish(const BatchNormParams& p, int64_t channel, State s) {
    static_cast<C*>(p.gscale)[channel] = s.scale * rstd_of<C>(p, channel);
    static_cast<C*>(p.gshift)[channel] = s.shift;
  }
};

// y = (x - mean) a + b; gx = a (g - b - (x - mean) d).
template <class C>
struct Channel {
  C mean, a, b, d;
};
template <class C, bool kGradient>
__device__ inline Channel<C> channel_of(const BatchNormParams& p, int64_t c) {
  const C rstd = rstd_of<C>(p, c), a = static_cast<const C*>(p.scale)[c] * rstd;
  const C mean = static_cast<const C*>(p.mean)[c];
  if (!kGradient) return {mean, a, static_cast<const C*>(p.shift)[c], C(0)};
  const C share = C(1) / C(p.shape.count);
  return {mean, a, static_cast<const C*>(p.gshift)[c] * share,
          static_cast<const C*>(p.gscale)[c] * share * rstd};
}
template <class T, int kWidth, bool kGradient, class C>
__device__ inline void apply(const BatchNormParams& p, int64_t i, const Channel<C>* channels,
                             int step) {
  const Access<kWidth, true> access;
  C v[kWidth], g[kWidth];
  read(access, static_cast<const T*>(p.x), i, v);
  if (kGradient) read(access, static_cast<const T*>(p.g), i, g);
  SUAN_UNROLL
  for (int k = 0; k < kWidth; ++k) {
    const Channel<C>& c = channels[k * step];
    v[k] = kGradient ? c.a * (g[k] - c.b - (v[k] - c.mean) * c.d) : (v[k] - c.mean) * c.a + c.b;
  }
  write(access, static_cast<T*>(p.y), i, v);
}

template <class T, int kWidth, bool kGradient>
__device__ inline void planes(const BatchNormParams& p) {
  const bool whole = p.whole != 0;
  const int rank = whole ? BlockTeam::rank() : WarpTeam::rank();
  const int size = whole ? BlockTeam::size() : WarpTeam::size();
  const int64_t step = whole ? BlockTeam::step() : WarpTeam::step();
  for (int64_t r = whole ? BlockTeam::first() : WarpTeam::first(); r < p.planes; r += step) {
    const auto channel = channel_of<Compute<T>, kGradient>(p, r % p.channels);
    const int64_t end = (r + 1) * p.inner;
    SUAN_UNROLL_4
    for (int64_t i = r * p.inner + rank * kWidth; i < end; i += size * kWidth) {
      apply<T, kWidth, kGradient>(p, i, &channel, 0);
    }
  }
}

template <class T, int kWidth, bool kGradient>
__device__ inline void columns(const BatchNormParams& p) {
  const int across = p.across, strip = threadIdx.x / across, strips = blockDim.x / across;
  const int64_t piece = static_cast<int64_t>(blockIdx.x) * across + (threadIdx.x & (across - 1));
  if (piece * kWidth >= p.channels) return;
  Channel<Compute<T>> channels[kWidth];
  SUAN_UNROLL
  for (int k = 0; k < kWidth; ++k) {
    channels[k] = channel_of<Compute<T>, kGradient>(p, piece * kWidth + k);
  }
  const int64_t step = static_cast<int64_t>(gridDim.y) * strips;
  SUAN_UNROLL_4
  for (int64_t r = static_cast<int64_t>(blockIdx.y) * strips + strip; r < p.planes; r += step) {
    apply<T, kWidth, kGradient>(p, r * p.channels + piece * kWidth, channels, 1);
  }
}

#define SUAN_APPLY_KERNELS(form, suffix, T, kWidth)                                \
  SUAN_BOUNDED(256, batch_norm_planes##form##suffix, BatchNormParams) {            \
    planes<T, kWidth, false>(p);                                                   \
  }                                                                                \
  SUAN_BOUNDED(256, batch_norm_gradient_planes##form##suffix, BatchNormParams) {   \
    planes<T, kWidth, true>(p);                                                    \
  }                                                                                \
  SUAN_BOUNDED(256, batch_norm_channels##form##suffix, BatchNormParams) {          \
    columns<T, kWidth, false>(p);                                                  \
  }                                                                                \
  SUAN_BOUNDED(256, batch_norm_gradient_channels##form##suffix, BatchNormParams) { \
    columns<T, kWidth, true>(p);                                                   \
  }
SUAN_APPLY_KERNELS(_, f32, float, 1)
SUAN_APPLY_KERNELS(_wide_, f32, float, 4)
SUAN_APPLY_KERNELS(_, bf16, Bf16, 1)
SUAN_APPLY_KERNELS(_wide_, bf16, Bf16, 8)
SUAN_APPLY_KERNELS(_, f16, F16, 1)
SUAN_APPLY_KERNELS(_wide_, f16, F16, 8)
SUAN_APPLY_KERNELS(_, f64, double, 1)
SUAN_APPLY_KERNELS(_wide_, f64, double, 2)

SUAN_REDUCE_KERNELS(batch_norm_statistics, BatchNormParams, Statistics)
SUAN_REDUCE_KERNELS(batch_norm_sums, BatchNormParams, GradientSums)

}  // namespace batch_norm_kernels
