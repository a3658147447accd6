// Pooling, an element of the result for each thread; gradients gather what the windows around an
// element give it, in order. SPDX-License-Identifier: Apache-2.0
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

// Positions begin, begin + step, ... before `end` of a window inside x.
struct Range {
  int begin, end, step;
  __device__ Range(const PoolAxis& a, int window) {
    step = static_cast<int>(a.dilation.by);
    begin = window * static_cast<int>(a.stride.by) - static_cast<int>(a.pad);
    end = min(static_cast<int>(a.x.by), begin + step * static_cast<int>(a.kernel));
    if (begin < 0) begin += step * ((step - 1 - begin) / step);
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
__device__ inline bool holds(const PoolAxis& a, int window, int at) {
  uint64_t from_first = at + a.pad - window * static_cast<int64_t>(a.stride.by);
  return a.dilation.by == 1 || split(from_first, a.dilation) == 0;
}

// Calls f(position within the spatial axes of x) for the elements of a window, in order.
template <class F>
__device__ inline void for_window(const PoolParams& p, const int (&at)[3], F&& f) {
  const Range a(p.axes[0], at[0]), b(p.axes[1], at[1]), c(p.axes[2], at[2]);
  for (int i = a.begin; i < a.end; i += a.step) {
    for (int j = b.begin; j < b.end; j += b.step) {
      for (int k = c.begin; k < c.end; k += c.step) f(within(p, i, j, k, SizeOfX()));
    }
  }
}
// Calls f(i, j, k) for the windows that hold an element of x, in order.
template <class F>
__device__ inline void for_windows(const PoolParams& p, const int (&at)[3], F&& f) {
  const Windows a(p.axes[0], at[0]), b(p.axes[1], at[1]), c(p.axes[2], at[2]);
  for (int i = a.begin; i < a.end; ++i) {
    if (!holds(p.axes[0], i, at[0])) continue;
    for (int j = b.begin; j < b.end; ++j) {
      if (!holds(p.axes[1], j, at[1])) continue;
      for (int k = c.begin; k < c.end; ++k) {
        if (holds(p.axes[2], k, at[2])) f(i, j, k);
      }
    }
  }
}

// The first largest element of each window: NaN is larger than all. Keeps it, or where it lies.
template <class T, bool kWhere>
__device__ inline void largest(const PoolParams& p) {
  typedef Compute<T> C;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfY());
    const T* x = static_cast<const T*>(p.x) + spatial(p, place.outer, true) * inner + place.inner;
    int64_t best = -1;
    C top = 0;
    for_window(p, place.at, [&](int64_t at) {
      const C value = get<C>(x, at * inner);
      if (best < 0 || value > top || (value != value && top == top)) {
        best = at;
        top = value;
      }
    });
    if constexpr (kWhere) {
      p.chosen[t] = static_cast<uint32_t>(best);
    } else {
      put(static_cast<T*>(p.y), t, top);
    }
  }
}
template <class T>
__device__ inline void max_pool(const PoolParams& p) {
  largest<T, false>(p);
}
template <class T>
__device__ inline void max_pool_choose(const PoolParams& p) {
  largest<T, true>(p);
}

template <class T>
__device__ inline void max_pool_gradient(const PoolParams& p) {
  typedef Compute<T> C;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfX());
    const int64_t first = spatial(p, place.outer, false) * inner + place.inner;
    const T* g = static_cast<const T*>(p.g) + first;
    const uint32_t* chosen = p.chosen + first;
    const auto me =
        static_cast<uint32_t>(within(p, place.at[0], place.at[1], place.at[2], SizeOfX()));
    C sum = 0;
    for_windows(p, place.at, [&](int i, int j, int k) {
      const int64_t at = within(p, i, j, k, SizeOfY()) * inner;
      if (chosen[at] == me) sum += get<C>(g, at);
    });
    put(static_cast<T*>(p.y), t, sum);
  }
}

template <class C>
__device__ inline C share_of(const PoolParams& p, int i, int j, int k) {
  if (p.share != 0) return static_cast<C>(p.share);
  const int64_t count = static_cast<int64_t>(Range(p.axes[0], i).count()) *
                        Range(p.axes[1], j).count() * Range(p.axes[2], k).count();
  return C(1) / static_cast<C>(count);
}

template <class T>
__device__ inline void avg_pool(const PoolParams& p) {
  typedef Compute<T> C;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfY());
    const T* x = static_cast<const T*>(p.x) + spatial(p, place.outer, true) * inner + place.inner;
    C sum = 0;
    int64_t count = 0;
    for_window(p, place.at, [&](int64_t at) {
      sum += get<C>(x, at * inner);
      ++count;
    });
    // A window that is nothing but padding is 0.
    const C share =
        p.share != 0 ? static_cast<C>(p.share) : C(1) / static_cast<C>(max(count, int64_t(1)));
    put(static_cast<T*>(p.y), t, sum * share);
  }
}

template <class T>
__device__ inline void avg_pool_gradient(const PoolParams& p) {
  typedef Compute<T> C;
  const auto inner = static_cast<int64_t>(p.inner.by);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    const Place place(p, t, SizeOfX());
    const T* g = static_cast<const T*>(p.g) + spatial(p, place.outer, false) * inner + place.inner;
    C sum = 0;
    for_windows(p, place.at, [&](int i, int j, int k) {
      sum += get<C>(g, within(p, i, j, k, SizeOfY()) * inner) * share_of<C>(p, i, j, k);
    });
    put(static_cast<T*>(p.y), t, sum);
  }
}

SUAN_KERNELS_FOR_FLOATS(max_pool, PoolParams)
SUAN_KERNELS_FOR_FLOATS(max_pool_choose, PoolParams)
SUAN_KERNELS_FOR_FLOATS(max_pool_gradient, PoolParams)
SUAN_KERNELS_FOR_FLOATS(avg_pool, PoolParams)
SUAN_KERNELS_FOR_FLOATS(avg_pool_gradient, PoolParams)

}  // namespace pools
