// Rows that a warp or a block works on: held in registers where they are short, else read again
// from memory in each pass. Kernels are written once, as templates over these.
// SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_ROW_CUH
#define SUAN_ROW_CUH
#include "suan/backend/cuda/kernels/device.cuh"
#include "suan/backend/cuda/kernels/rows.cuh"

// As SUAN_GLOBAL, for launches of at most `most` threads in a block: each may have more registers.
#ifdef SUAN_EMULATED
#define SUAN_UNROLL_4
#define SUAN_BOUNDED(most, name, Params) SUAN_GLOBAL(name, Params)
#else
#define SUAN_UNROLL_4 _Pragma("unroll 4")
#define SUAN_BOUNDED(most, name, Params) \
  extern "C" __global__ void __launch_bounds__(most) name(const __grid_constant__ Params p)
#endif

// Elements in 16 bytes, the most that one instruction moves.
template <class T>
struct Wide {
  static constexpr int kCount = 16 / static_cast<int>(sizeof(T));
};

// Accesses of kWidth elements at once; kAligned: their first one's number is a multiple of it.
template <int kCount, bool kIsAligned>
struct Access {
  static constexpr int kWidth = kCount;
  static constexpr bool kAligned = kIsAligned;
};
template <class A, class T, class C>
__device__ inline void read(A, const T* from, int64_t i, C* values) {
  constexpr int kWidth = A::kWidth, kWide = Wide<T>::kCount;
  constexpr int kEach = A::kAligned ? (kWidth < kWide ? kWidth : kWide) : 1;
  SUAN_UNROLL
  for (int k = 0; k < kWidth; k += kEach) {
    const Vec<T, kEach> x = *reinterpret_cast<const Vec<T, kEach>*>(from + i + k);
    SUAN_UNROLL
    for (int e = 0; e < kEach; ++e) values[k + e] = get<C>(x.v, e);
  }
}
template <class A, class T, class C>
__device__ inline void write(A, T* to, int64_t i, const C* values) {
  Vec<T, A::kWidth> y;
  SUAN_UNROLL
  for (int e = 0; e < A::kWidth; ++e) put(y.v, e, values[e]);
  *reinterpret_cast<Vec<T, A::kWidth>*>(to + i) = y;
}

struct WarpTeam {
  static __device__ inline int rank() { return threadIdx.x & 31; }
  static __device__ inline int size() { return 32; }
  static __device__ inline int64_t first() {
    return static_cast<int64_t>(blockIdx.x) * (blockDim.x >> 5) + (threadIdx.x >> 5);
  }
  static __device__ inline int64_t step() {
    return static_cast<int64_t>(gridDim.x) * (blockDim.x >> 5);
  }
  template <class How, class C>
  static __device__ inline C reduce(C x, C /*neutral*/) {
    return warp_reduce<How>(x);
  }
};
struct BlockTeam {
  static __device__ inline int rank() { return threadIdx.x; }
  static __device__ inline int size() { return blockDim.x; }
  static __device__ inline int64_t first() { return blockIdx.x; }
  static __device__ inline int64_t step() { return gridDim.x; }
  template <class How, class C>
  static __device__ inline C reduce(C x, C neutral) {
    return block_reduce<How>(x, neutral);
  }
};

// A row of at most size * kElements elements, whose count is a multiple of kWidth. `each` calls
// f(access, i, slot) for the accesses of a thread, which `get` then gives and `set` changes.
template <class T, int kElements, int kWidth, class RowTeam>
struct HeldRow {
  using Team = RowTeam;
  using C = Compute<T>;
  static constexpr bool kHeld = true;
  template <class U>
  using Of = HeldRow<U, kElements, kWidth, RowTeam>;
  C held[kElements];
  int count;

  __device__ inline HeldRow(const T* x, int64_t n) : count(static_cast<int>(n)) {
    each([&](auto access, int64_t i, int slot) { read(access, x, i, held + slot * kWidth); });
  }
  template <class F>
  __device__ inline void each(F f) const {
    each(count, f);
  }
  template <class F>
  static __device__ inline void each(int64_t n, F f) {
    const int count = static_cast<int>(n);
    const int first = Team::rank() * kWidth, step = Team::size() * kWidth;
    SUAN_UNROLL
    for (int slot = 0; slot < kElements / kWidth; ++slot) {
      const int i = first + slot * step;
      if (i < count) f(Access<kWidth, true>(), int64_t(i), slot);
    }
  }
  template <class A>
  __device__ inline void get(A, int64_t /*i*/, int slot, C* values) const {
    SUAN_UNROLL
    for (int e = 0; e < kWidth; ++e) values[e] = held[slot * kWidth + e];
  }
  __device__ inline void set(int slot, const C* values) {
    SUAN_UNROLL
    for (int e = 0; e < kWidth; ++e) held[slot * kWidth + e] = values[e];
  }
};

// A row of any length. It begins anywhere: accesses are whole pieces of 16 bytes of memory, and
// single elements at the ends. Other rows beside it begin at the same place of such a piece.
template <class T>
struct StreamedRow {
  using Team = BlockTeam;
  using C = Compute<T>;
  static constexpr bool kHeld = false;
  template <class U>
  using Of = StreamedRow<U>;
  const T* x;
  int64_t count;

  __device__ inline StreamedRow(const T* row, int64_t n) : x(row), count(n) {}
  template <class F>
  __device__ inline void each(F f) const {
    constexpr int kWide = Wide<T>::kCount;
    const int rank = Team::rank(), size = Team::size();
    const auto skew = static_cast<int>(reinterpret_cast<uint64_t>(x) % 16 / sizeof(T));
    int64_t head = skew == 0 ? 0 : kWide - skew;
    if (head > count) head = count;
    if (rank < head) f(Access<1, false>(), int64_t(rank), 0);
    const int64_t pieces = (count - head) / kWide;
    SUAN_UNROLL_4
    for (int64_t j = rank; j < pieces; j += size) {
      f(Access<kWide, false>(), head + j * kWide, 0);
    }
    const int64_t tail = head + pieces * kWide + rank;
    if (tail < count) f(Access<1, false>(), tail, 0);
  }
  template <class A>
  __device__ inline void get(A, int64_t i, int /*slot*/, C* values) const {
    read(Access<A::kWidth, true>(), x, i, values);  // aligned in memory
  }
  __device__ inline void set(int, const C*) {}
};

// The kernels of `function`, a template over the element and the kind of row. Which one takes which
// rows: row_plan.cpp.
#define SUAN_ROW_KERNEL(most, function, variant, suffix, Params, T, ...) \
  SUAN_BOUNDED(most, function##_##variant##_##suffix, Params) { function<T, __VA_ARGS__>(p); }
#define SUAN_ROW_KERNELS_FOR(function, suffix, Params, T)                                  \
  SUAN_ROW_KERNEL(256, function, warp8, suffix, Params, T, HeldRow<T, 8, 1, WarpTeam>)     \
  SUAN_ROW_KERNEL(256, function, warp8_wide, suffix, Params, T,                            \
                  HeldRow<T, 8, Wide<T>::kCount, WarpTeam>)                                \
  SUAN_ROW_KERNEL(256, function, warp32, suffix, Params, T, HeldRow<T, 32, 1, WarpTeam>)   \
  SUAN_ROW_KERNEL(256, function, warp32_wide, suffix, Params, T,                           \
                  HeldRow<T, 32, Wide<T>::kCount, WarpTeam>)                               \
  SUAN_ROW_KERNEL(512, function, block16, suffix, Params, T, HeldRow<T, 16, 1, BlockTeam>) \
  SUAN_ROW_KERNEL(512, function, block16_wide, suffix, Params, T,                          \
                  HeldRow<T, 16, Wide<T>::kCount, BlockTeam>)                              \
  SUAN_ROW_KERNEL(512, function, stream, suffix, Params, T, StreamedRow<T>)
#define SUAN_ROW_KERNELS(function, Params)           \
  SUAN_ROW_KERNELS_FOR(function, f32, Params, float) \
  SUAN_ROW_KERNELS_FOR(function, bf16, Params, Bf16) \
  SUAN_ROW_KERNELS_FOR(function, f16, Params, F16)   \
  SUAN_ROW_KERNELS_FOR(function, f64, Params, double)

// The largest element of a row and the sum of exp(x - largest); NaN makes both NaN.
template <class C>
struct ExpSum {
  C top, total;
};
template <class C>
__device__ inline ExpSum<C> exp_sum_start() {
  return {C(-INFINITY), C(0)};
}
// Several elements: at most one exponential more than there are elements. Where the largest is
// infinite, exponentials are not shifted by it, so that their sum is 0 or infinite.
template <int kCount, class C>
__device__ inline void exp_sum_add(ExpSum<C>& s, const C* x) {
  C most = x[0];
  SUAN_UNROLL
  for (int k = 1; k < kCount; ++k) most = Largest::combine(most, x[k]);
  if (!(most <= s.top)) {
    s.total *= rows::exp(s.top - most);
    s.top = most;
  }
  const C shift = rows::abs(s.top) == C(INFINITY) ? C(0) : s.top;
  SUAN_UNROLL
  for (int k = 0; k < kCount; ++k) s.total += rows::exp(x[k] - shift);
}
template <class C>
__device__ inline ExpSum<C> exp_sum_merge(ExpSum<C> a, ExpSum<C> b) {
  if (a.top == b.top) return {a.top, a.total + b.total};
  if (b.total == C(0)) return a;
  if (a.total == C(0)) return b;
  if (b.top < a.top) return {a.top, a.total + b.total * rows::exp(b.top - a.top)};
  return {b.top, b.total + a.total * rows::exp(a.top - b.top)};
}

// Of a whole row. Held rows keep exp(x - largest) in place of x where `keeps`.
template <class Row>
__device__ inline ExpSum<typename Row::C> exp_sum_of(Row& row, bool keeps) {
  using C = typename Row::C;
  ExpSum<C> s = exp_sum_start<C>();
  if (!Row::kHeld) {  // one pass, though with more arithmetic
    row.each([&](auto access, int64_t i, int slot) {
      C v[decltype(access)::kWidth];
      row.get(access, i, slot, v);
      exp_sum_add<decltype(access)::kWidth>(s, v);
    });
    const C top = Row::Team::template reduce<Largest>(s.top, C(-INFINITY));
    const C mine = s.top == top ? s.total : s.total * rows::exp(s.top - top);
    return {top, Row::Team::template reduce<Plus>(s.total == C(0) ? C(0) : mine, C(0))};
  }
  row.each([&](auto access, int64_t i, int slot) {
    C v[decltype(access)::kWidth];
    row.get(access, i, slot, v);
    SUAN_UNROLL
    for (int k = 0; k < decltype(access)::kWidth; ++k) s.top = Largest::combine(s.top, v[k]);
  });
  s.top = Row::Team::template reduce<Largest>(s.top, C(-INFINITY));
  row.each([&](auto access, int64_t i, int slot) {
    C v[decltype(access)::kWidth];
    row.get(access, i, slot, v);
    SUAN_UNROLL
    for (int k = 0; k < decltype(access)::kWidth; ++k) {
      const C e = rows::exp(v[k] - s.top);
      s.total += e;
      if (keeps) v[k] = e;
    }
    row.set(slot, v);
  });
  s.total = Row::Team::template reduce<Plus>(s.total, C(0));
  return s;
}

#endif
