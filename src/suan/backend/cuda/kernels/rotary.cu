// Pairs of elements turned by angles; a thread has both elements of its pairs, so y may be x.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/rotary_params.h"

namespace rotaries {

using namespace suan::cuda;

// kEach pairs of T by angles of type A.
template <class T, class A, int kEach>
struct Turn {
  using C = Compute<T>;
  using Some = Vec<T, kEach>;
  using Pairs = Vec<T, 2 * kEach>;
  using Angles = Vec<A, kEach>;

  const Angles &cos, &sin;
  __device__ void one(T& a, T& b, int e) const {
    const C x = get<C>(&a, 0), y = get<C>(&b, 0), c = get<C>(cos.v, e), s = get<C>(sin.v, e);
    put(&a, 0, x * c - y * s);
    put(&b, 0, y * c + x * s);
  }
  __device__ void halves(const T* x, T* y, int64_t half) const {
    Some a = *reinterpret_cast<const Some*>(x), b = *reinterpret_cast<const Some*>(x + half);
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) one(a.v[e], b.v[e], e);
    *reinterpret_cast<Some*>(y) = a;
    *reinterpret_cast<Some*>(y + half) = b;
  }
  __device__ void neighbours(const T* x, T* y) const {
    Pairs p = *reinterpret_cast<const Pairs*>(x);
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) one(p.v[2 * e], p.v[2 * e + 1], e);
    *reinterpret_cast<Pairs*>(y) = p;
  }
};

template <class T, class A, int kEach>
__device__ inline void rotary(const RotaryParams& p) {
  using Turning = Turn<T, A, kEach>;
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    uint64_t row = t;
    const int64_t i = split(row, p.row_units) * kEach;
    const T* x = static_cast<const T*>(p.x) + row * p.length;
    T* y = static_cast<T*>(p.y) + row * p.length;
    if (i >= p.half) {  // it stays
      const int64_t at = i + p.half;
      *reinterpret_cast<typename Turning::Some*>(y + at) =
          *reinterpret_cast<const typename Turning::Some*>(x + at);
      continue;
    }
    int64_t angles = i;
    for (int d = 0; d < p.rank; ++d) angles += split(row, p.dims[d].size) * p.dims[d].step;
    const auto angle = [&](const void* from) {
      return *reinterpret_cast<const typename Turning::Angles*>(static_cast<const A*>(from) +
                                                                angles);
    };
    const typename Turning::Angles cos = angle(p.cos), sin = angle(p.sin);
    const Turning turn{cos, sin};
    if (p.interleaved) {
      turn.neighbours(x + 2 * i, y + 2 * i);
    } else {
      turn.halves(x + i, y + i, p.half);
    }
  }
}

#define SUAN_ROTARY(suffix, T, A, each)                              \
  SUAN_GLOBAL(rotary_##suffix, RotaryParams) { rotary<T, A, 1>(p); } \
  SUAN_GLOBAL(rotary_wide_##suffix, RotaryParams) { rotary<T, A, each>(p); }
SUAN_ROTARY(f64_f64, double, double, 2)
SUAN_ROTARY(f32_f32, float, float, 4)
SUAN_ROTARY(bf16_f32, Bf16, float, 8)
SUAN_ROTARY(bf16_bf16, Bf16, Bf16, 8)
SUAN_ROTARY(f16_f32, F16, float, 8)
SUAN_ROTARY(f16_f16, F16, F16, 8)

}  // namespace rotaries
