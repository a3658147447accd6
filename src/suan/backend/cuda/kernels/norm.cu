// Layer and RMS normalization and their gradients, a warp or a block to a row; the gradients of
// scale and shift are sums over the rows. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/norm_params.h"
#include "suan/backend/cuda/kernels/reduce.cuh"

namespace norm_kernels {

using suan::cuda::NormGradientParams;
using suan::cuda::NormParams;

template <class T, class Row, class Y = T>
__device__ inline void norm(const NormParams& p) {
  using C = typename Row::C;
  const C *scale = static_cast<const C*>(p.scale), *shift = static_cast<const C*>(p.shift);
  const C share = C(1) / C(p.length);
  for (int64_t r = Row::Team::first(); r < p.rows; r += Row::Team::step()) {
    const Row row(static_cast<const T*>(p.x) + r * p.length, p.length);
    C mean = 0;
    if (p.centred) {
      row.each([&](auto access, int64_t i, int slot) {
        C v[decltype(access)::kWidth];
        row.get(access, i, slot, v);
        SUAN_UNROLL
        for (int k = 0; k < decltype(access)::kWidth; ++k) mean += v[k];
      });
      mean = Row::Team::template reduce<Plus>(mean, C(0)) * share;
    }
    C squares = 0;
    row.each([&](auto access, int64_t i, int slot) {
      C v[decltype(access)::kWidth];
      row.get(access, i, slot, v);
      SUAN_UNROLL
      for (int k = 0; k < decltype(access)::kWidth; ++k) squares += (v[k] - mean) * (v[k] - mean);
    });
    squares = Row::Team::template reduce<Plus>(squares, C(0));
    const C rstd = C(1) / rows::sqrt(squares * share + C(p.epsilon));
    if (Row::Team::rank() == 0) {
      if (p.mean) static_cast<C*>(p.mean)[r] = mean;
      if (p.rstd) static_cast<C*>(p.rstd)[r] = rstd;
    }
    if (!p.y) continue;
    Y* y = static_cast<Y*>(p.y) + r * p.length;
    row.each([&](auto access, int64_t i, int slot) {
      constexpr int kWidth = decltype(access)::kWidth;
      C v[kWidth], a[kWidth] = {}, b[kWidth] = {};
      row.get(access, i, slot, v);
      if (scale) read(access, scale, i, a);
      if (shift) read(access, shift, i, b);
      SUAN_UNROLL
      for (int k = 0; k < kWidth; ++k) {
        v[k] = (v[k] - mean) * rstd;
        if (scale) v[k] *= a[k];
        if (shift) v[k] += b[k];
      }
      write(access, y, i, v);
    });
  }
}

// gx = rstd (h - mean(h) - z mean(h z)), with z = (x - mean) rstd and h = g scale.
template <class T, class Row, class G = T>
__device__ inline void norm_gradient(const NormGradientParams& p) {
  using C = typename Row::C;
  const C* scale = static_cast<const C*>(p.scale);
  const C share = C(1) / C(p.length);
  for (int64_t r = Row::Team::first(); r < p.rows; r += Row::Team::step()) {
    const Row x(static_cast<const T*>(p.x) + r * p.length, p.length);
    typename Row::template Of<G> h(static_cast<const G*>(p.g) + r * p.length, p.length);
    const C mean = p.centred ? static_cast<const C*>(p.mean)[r] : C(0);
    const C rstd = static_cast<const C*>(p.rstd)[r];
    C sum = 0, along = 0;
    x.each([&](auto access, int64_t i, int slot) {
      constexpr int kWidth = decltype(access)::kWidth;
      C v[kWidth], g[kWidth], a[kWidth] = {};
      x.get(access, i, slot, v);
      h.get(access, i, slot, g);
      if (scale) read(access, scale, i, a);
      SUAN_UNROLL
      for (int k = 0; k < kWidth; ++k) {
        if (scale) g[k] *= a[k];
        sum += g[k];
        along += g[k] * ((v[k] - mean) * rstd);
      }
      h.set(slot, g);
    });
    const C mean_h = p.centred ? Row::Team::template reduce<Plus>(sum, C(0)) * share : C(0);
    const C mean_hz = Row::Team::template reduce<Plus>(along, C(0)) * share;
    T* gx = static_cast<T*>(p.gx) + r * p.length;
    x.each([&](auto access, int64_t i, int slot) {
      constexpr int kWidth = decltype(access)::kWidth;
      C v[kWidth], g[kWidth], a[kWidth] = {};
      x.get(access, i, slot, v);
      h.get(access, i, slot, g);
      if (!Row::kHeld && scale) read(access, scale, i, a);
      SUAN_UNROLL
      for (int k = 0; k < kWidth; ++k) {
        if (!Row::kHeld && scale) g[k] *= a[k];
        v[k] = rstd * (g[k] - mean_h - (v[k] - mean) * rstd * mean_hz);
      }
      write(access, gx, i, v);
    });
  }
}

// Over the rows: gscale = sum(g z), gshift = sum(g).
template <class T, class G = T>
struct ScaleSums : reduction::ScaleAndShift<Compute<T>> {
  using C = Compute<T>;
  using State = typename reduction::ScaleAndShift<C>::State;
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const NormGradientParams& p, State* s, int64_t offset,
                                    int64_t index, int64_t) {
    C v[kWidth], g[kWidth];
    read(Access<kWidth, true>(), static_cast<const T*>(p.x), offset, v);
    read(Access<kWidth, true>(), static_cast<const G*>(p.g), offset, g);
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) {
      const int64_t row = kColumns ? index : index + k;  // rows of one element lie side by side
      const C mean = p.centred ? static_cast<const C*>(p.mean)[row] : C(0);
      const C rstd = static_cast<const C*>(p.rstd)[row];
      State& sums = s[kColumns ? k : 0];
      sums.scale += g[k] * ((v[k] - mean) * rstd);
      sums.shift += g[k];
    }
  }
  static __device__ inline void finish(const NormGradientParams& p, int64_t output, State s) {
    if (p.gscale) static_cast<C*>(p.gscale)[output] = s.scale;
    if (p.gshift) static_cast<C*>(p.gshift)[output] = s.shift;
  }
};

// All three gradients while a row is in registers: a block takes every gridDim.x-th row, and its
// threads keep their columns' sums, a part of the results for each block.
template <class T, class G, int kElements, int kWidth>
__device__ inline void norm_gradients(const NormGradientParams& p) {
  using C = Compute<T>;
  using Row = HeldRow<T, kElements, kWidth, BlockTeam>;
  using Sums = typename ScaleSums<T>::State;
  __shared__ Sums parts[2][16];  // in turn, so that one barrier a row is enough
  const C share = C(1) / C(p.length);
  Sums columns[kElements];
  C scale[kElements];
  SUAN_UNROLL
  for (int k = 0; k < kElements; ++k) {
    columns[k] = ScaleSums<T>::start();
    scale[k] = C(1);
  }
  if (p.scale) {
    Row::each(p.length, [&](auto access, int64_t i, int slot) {
      read(access, static_cast<const C*>(p.scale), i, scale + slot * kWidth);
    });
  }
  int turn = 0;
  for (int64_t r = blockIdx.x; r < p.rows; r += gridDim.x) {
    Row z(static_cast<const T*>(p.x) + r * p.length, p.length);
    typename Row::template Of<G> h(static_cast<const G*>(p.g) + r * p.length, p.length);
    const C mean = p.centred ? static_cast<const C*>(p.mean)[r] : C(0);
    const C rstd = static_cast<const C*>(p.rstd)[r];
    Sums sums = ScaleSums<T>::start();
    Row::each(p.length, [&](auto, int64_t, int slot) {
      SUAN_UNROLL
      for (int k = slot * kWidth; k < (slot + 1) * kWidth; ++k) {
        z.held[k] = (z.held[k] - mean) * rstd;
        columns[k].scale += h.held[k] * z.held[k];
        columns[k].shift += h.held[k];
        h.held[k] *= scale[k];
        sums.scale += h.held[k] * z.held[k];
        sums.shift += h.held[k];
      }
    });
    sums = reduction::merge_block<ScaleSums<T>>(sums, parts[turn]);
    turn ^= 1;
    if (!p.gx) continue;
    const C mean_h = p.centred ? sums.shift * share : C(0), mean_hz = sums.scale * share;
    T* gx = static_cast<T*>(p.gx) + r * p.length;
    Row::each(p.length, [&](auto access, int64_t i, int slot) {
      C v[kWidth];
      SUAN_UNROLL
      for (int k = 0; k < kWidth; ++k) {
        const int at = slot * kWidth + k;
        v[k] = rstd * (h.held[at] - mean_h - z.held[at] * mean_hz);
      }
      write(access, gx, i, v);
    });
  }
  Row::each(p.length, [&](auto, int64_t i, int slot) {
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) {
      reduction::keep<ScaleSums<T>>(p, i + k, blockIdx.x, columns[slot * kWidth + k]);
    }
  });
}
// f32 rows to, or gradients of, 16 bits.
template <class T, class Row>
__device__ inline void norm_to_bf16(const NormParams& p) {
  norm<T, Row, Bf16>(p);
}
template <class T, class Row>
__device__ inline void norm_to_f16(const NormParams& p) {
  norm<T, Row, F16>(p);
}
template <class T, class Row>
__device__ inline void norm_gradient_of_bf16(const NormGradientParams& p) {
  norm_gradient<T, Row, Bf16>(p);
}
template <class T, class Row>
__device__ inline void norm_gradient_of_f16(const NormGradientParams& p) {
  norm_gradient<T, Row, F16>(p);
}
using ScaleSumsOfBf16 = ScaleSums<float, Bf16>;
using ScaleSumsOfF16 = ScaleSums<float, F16>;

#define SUAN_NORM_GRADIENTS_OF(stem, each, suffix, T, G)                 \
  SUAN_BOUNDED(512, stem##_##each##_##suffix, NormGradientParams) {      \
    norm_gradients<T, G, each, 1>(p);                                    \
  }                                                                      \
  SUAN_BOUNDED(512, stem##_##each##_wide_##suffix, NormGradientParams) { \
    norm_gradients<T, G, each, Wide<T>::kCount>(p);                      \
  }
#define SUAN_NORM_GRADIENTS(stem, suffix, T, G) \
  SUAN_NORM_GRADIENTS_OF(stem, 8, suffix, T, G) \
  SUAN_NORM_GRADIENTS_OF(stem, 16, suffix, T, G)
SUAN_NORM_GRADIENTS(norm_gradients, f32, float, float)
SUAN_NORM_GRADIENTS(norm_gradients, bf16, Bf16, Bf16)
SUAN_NORM_GRADIENTS(norm_gradients, f16, F16, F16)
SUAN_NORM_GRADIENTS(norm_gradients, f64, double, double)
SUAN_NORM_GRADIENTS(norm_gradients_of_bf16, f32, float, Bf16)
SUAN_NORM_GRADIENTS(norm_gradients_of_f16, f32, float, F16)

SUAN_ROW_KERNELS(norm, NormParams)
SUAN_ROW_KERNELS_FOR(norm_to_bf16, f32, NormParams, float)
SUAN_ROW_KERNELS_FOR(norm_to_f16, f32, NormParams, float)
SUAN_ROW_KERNELS(norm_gradient, NormGradientParams)
SUAN_ROW_KERNELS_FOR(norm_gradient_of_bf16, f32, NormGradientParams, float)
SUAN_ROW_KERNELS_FOR(norm_gradient_of_f16, f32, NormGradientParams, float)
SUAN_REDUCE_KERNELS(norm_scale, NormGradientParams, ScaleSums)
SUAN_REDUCE_KERNELS_FOR(norm_scale_of_bf16, f32, NormGradientParams, float, ScaleSumsOfBf16)
SUAN_REDUCE_KERNELS_FOR(norm_scale_of_f16, f32, NormGradientParams, float, ScaleSumsOfF16)

}  // namespace norm_kernels
