// Pooling: a thread has an element of the result, or 16 bytes of channels that lie together.
// Gradients gather what the windows around an element give it, in order.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/pool_params.h"

namespace pools {

using namespace suan::cuda;

// An element of data that lies as [outer, spatial..., inner].
struct Place {
  int64_t outer, inner;
  int at[3];
  template <class Size>
  __device__ Place(const PoolParams& p, uint64_t position, Size&& size) {
    inner = split(position, p.inner);
    SUAN_UNROLL
    for (int d = 2; d >= 0; --d) at[d] = static_cast<int>(split(position, size(p.axes[d])));
    outer = static_cast<int64_t>(position);
  }
};
struct SizeOfX {
  __device__ const Divider& operator()(const PoolAxis& a) const { return a.x; }
};
struct SizeOfY {
  __device__ const Divider& operator()(const PoolAxis& a) const { return a.y; }
};
template <class Size>
__device__ inline int64_t within(const PoolParams& p, int i, int j, int k, Size&& size) {
  const int64_t rows = static_cast<int64_t>(size(p.axes[1]).by) * i + j;
  return static_cast<int64_t>(size(p.axes[2]).by) * rows + k;
}
__device__ inline int64_t spatial(const PoolParams& p, int64_t outer, bool of_x) {
  int64_t n = outer;
  for (int d = 0; d < 3; ++d) n *= static_cast<int64_t>(of_x ? p.axes[d].x.by : p.axes[d].y.by);
  return n;
}

// Positions begin, begin + step, ... before `end` of a window inside x, whose first is the window's
// element number `skipped`.
struct Range {
  int begin, end, step, skipped;
  __device__ Range(const PoolAxis& a, int window) {
    step = static_cast<int>(a.dilation.by);
    begin = window * static_cast<int>(a.stride.by) - static_cast<int>(a.pad);
    end = min(static_cast<int>(a.x.by), begin + step * static_cast<int>(a.kernel));
    skipped = begin < 0 ? (step - 1 - begin) / step : 0;
    begin += step * skipped;
  }
  __device__ int count() const { return end > begin ? (end - begin + step - 1) / step : 0; }
};
// The windows [begin, end) that may hold a position of x.
struct Windows {
  int begin, end;
  __device__ Windows(const PoolAxis& a, int at) {
    const int last = at + static_cast<int>(a.pad), stride = static_cast<int>(a.stride.by);
    const int first = last - static_cast<int>(a.dilation.by) * (static_cast<int>(a.kernel) - 1);
    begin = first <= 0 ? 0 : static_cast<int>(quotient(first + stride - 1, a.stride));
    end = min(static_cast<int>(a.y.by), static_cast<int>(quotient(last, a.stride)) + 1);
  }
};
// Which element of the window the position is; -1: none.
__device__ inline int number_in(const PoolAxis& a, int window, int at) {
  uint64_t from_first = at + a.pad - window * static_cast<int64_t>(a.stride.by);
  if (a.dilation.by != 1 && split(from_first, a.dilation) != 0) return -1;
  return static_cast<int>(from_first);
}
__device__ inline int number_of(const PoolParams& p, int i, int j, int k) {
  return (i * static_cast<int>(p.axes[1].kernel) + j) * static_cast<int>(p.axes[2].kernel) + k;
}

// Calls f(position within the spatial axes of x, number in the window) for the elements of a window
// that are inside x, in order.
template <class F>
__device__ inline void for_window(const PoolParams& p, const int (&at)[3], F&& f) {
  const Range a(p.axes[0], at[0]), b(p.axes[1], at[1]), c(p.axes[2], at[2]);
  for (int i = a.begin, m = a.skipped; i < a.end; i += a.step, ++m) {
    for (int j = b.begin, n = b.skipped; j < b.end; j += b.step, ++n) {
      int number = number_of(p, m, n, c.skipped);
      for (int k = c.begin; k < c.end; k += c.step) f(within(p, i, j, k, SizeOfX()), number++);
    }
  }
}
// Calls f(i, j, k, number in it) for the windows that hold an element of x, in order.
template <class F>
__device__ inline void for_windows(const PoolParams& p, const int (&at)[3], F&& f) {
  const Windows a(p.axes[0], at[0]), b(p.axes[1], at[1]), c(p.axes[2], at[2]);
  for (int i = a.begin; i < a.end; ++i) {
    const int m = number_in(p.axes[0], i, at[0]);
    for (int j = b.begin; m >= 0 && j < b.end; ++j) {
      const int n = number_in(p.axes[1], j, at[1]);
      for (int k = c.begin; n >= 0 && k < c.end; ++k) {
        const int o = number_in(p.axes[2], k, at[2]);
        if (o >= 0) f(i, j, k, number_of(p, m, n, o));
      }
    }
  }
}

// Some elements of T that lie together, and sums of them.
template <class T, int kEach>
struct Some {
  using C = Compute<T>;
  using Stored = Vec<T, kEach>;
  C v[kEach];

  __device__ explicit Some(C value) {
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) v[e] = value;
  }
  __device__ Some(const Stored* from, int64_t at) {
    const Stored x = from[at];
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) v[e] = get<C>(x.v, e);
  }
  __device__ void add(const Some& x, C share) {
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) v[e] += x.v[e] * share;
  }
  __device__ void store(void* to, int64_t at) const {
    Stored y;
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) put(y.v, e, v[e]);
    static_cast<Stored*>(to)[at] = y;
  }
};

// The first largest element of each window: NaN is larger than all. Keeps it, or which it is.
template <class T, int kEach, bool kWhich>
__device__ inline void largest(const PoolParams& p) {
  using Elements = Some<T, kEach>;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfY());
    const auto* x = static_cast<const typename Elements::Stored*>(p.x) +
                    spatial(p, place.outer, true) * inner + place.inner;
    Vec<uint16_t, kEach> which = {};
    Elements top(0);
    bool first = true;
    for_window(p, place.at, [&](int64_t at, int number) {
      const Elements value(x, at * inner);
      SUAN_UNROLL
      for (int e = 0; e < kEach; ++e) {
        const auto a = value.v[e], b = top.v[e];
        if (!first && !(a > b) && !(a != a && b == b)) continue;
        top.v[e] = a;
        which.v[e] = static_cast<uint16_t>(number);
      }
      first = false;
    });
    if constexpr (kWhich) {
      reinterpret_cast<Vec<uint16_t, kEach>*>(p.chosen)[t] = which;
    } else {
      top.store(p.y, t);
    }
  }
}
template <class T, int kEach>
__device__ inline void max_pool(const PoolParams& p) {
  largest<T, kEach, false>(p);
}
template <class T, int kEach>
__device__ inline void max_pool_choose(const PoolParams& p) {
  largest<T, kEach, true>(p);
}

template <class T, int kEach>
__device__ inline void max_pool_gradient(const PoolParams& p) {
  using Elements = Some<T, kEach>;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfX());
    const int64_t first = spatial(p, place.outer, false) * inner + place.inner;
    const auto* g = static_cast<const typename Elements::Stored*>(p.g) + first;
    const auto* chosen = reinterpret_cast<const Vec<uint16_t, kEach>*>(p.chosen) + first;
    Elements sum(0);
    for_windows(p, place.at, [&](int i, int j, int k, int number) {
      const int64_t at = within(p, i, j, k, SizeOfY()) * inner;
      const Vec<uint16_t, kEach> which = chosen[at];
      const Elements gradient(g, at);
      SUAN_UNROLL
      for (int e = 0; e < kEach; ++e) sum.v[e] += which.v[e] == number ? gradient.v[e] : 0;
    });
    sum.store(p.y, t);
  }
}

// 1 / count of a window; one that is nothing but padding has the sum 0.
template <class C>
__device__ inline C share_of(const PoolParams& p, int i, int j, int k) {
  if (p.share != 0) return static_cast<C>(p.share);
  const int count =
      Range(p.axes[0], i).count() * Range(p.axes[1], j).count() * Range(p.axes[2], k).count();
  return C(1) / static_cast<C>(max(count, 1));
}

template <class T, int kEach>
__device__ inline void avg_pool(const PoolParams& p) {
  using Elements = Some<T, kEach>;
  using C = Compute<T>;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfY());
    const auto* x = static_cast<const typename Elements::Stored*>(p.x) +
                    spatial(p, place.outer, true) * inner + place.inner;
    Elements sum(0), mean(0);
    for_window(p, place.at, [&](int64_t at, int) { sum.add(Elements(x, at * inner), C(1)); });
    mean.add(sum, share_of<C>(p, place.at[0], place.at[1], place.at[2]));
    mean.store(p.y, t);
  }
}

template <class T, int kEach>
__device__ inline void avg_pool_gradient(const PoolParams& p) {
  using Elements = Some<T, kEach>;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfX());
    const auto* g = static_cast<const typename Elements::Stored*>(p.g) +
                    spatial(p, place.outer, false) * inner + place.inner;
    Elements sum(0);
    for_windows(p, place.at, [&](int i, int j, int k, int) {
      sum.add(Elements(g, within(p, i, j, k, SizeOfY()) * inner), share_of<Compute<T>>(p, i, j, k));
    });
    sum.store(p.y, t);
  }
}

#define SUAN_POOL(function, suffix, T, each)                          \
  SUAN_GLOBAL(function##_##suffix, PoolParams) { function<T, 1>(p); } \
  SUAN_GLOBAL(function##_wide_##suffix, PoolParams) { function<T, each>(p); }
#define SUAN_POOLS(function)          \
  SUAN_POOL(function, f64, double, 2) \
  SUAN_POOL(function, f32, float, 4)  \
  SUAN_POOL(function, bf16, Bf16, 8)  \
  SUAN_POOL(function, f16, F16, 8)
SUAN_POOLS(max_pool)
SUAN_POOLS(max_pool_choose)
SUAN_POOLS(max_pool_gradient)
SUAN_POOLS(avg_pool)
SUAN_POOLS(avg_pool_gradient)

}  // namespace pools
