// What reduce.cuh reduces how: sums, extremes, products, variances, log-sum-exp and positions of
// extremes. SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_REDUCE_OPS_CUH
#define SUAN_REDUCE_OPS_CUH
#include "suan/backend/cuda/kernels/reduce.cuh"

namespace reduction {

// Elements of a float dtype, in what they are computed in.
template <class T>
struct Floats {
  using C = Compute<T>;
  template <int kWidth>
  static __device__ inline void load(const ReduceParams& p, int64_t offset, C* values) {
    read(Access<kWidth, true>(), static_cast<const T*>(p.x), offset, values);
  }
  static __device__ inline void store(const ReduceParams& p, int64_t output, C value) {
    put(static_cast<T*>(p.y), output, value);
  }
  static __device__ inline C least() { return C(-INFINITY); }
  static __device__ inline C most() { return C(INFINITY); }
};

// Elements of any integer dtype, told apart when the kernel runs. Those of u64 are in order as i64
// after their highest bit is flipped, which only extremes want.
template <bool kOrdered>
struct Integers {
  using C = int64_t;
  static constexpr int kFirst = 4;  // of DType: i64, i32, i16, i8, u64, u32, u16, u8, bool
  static __device__ inline int64_t flipped(uint64_t x) {
    return static_cast<int64_t>(kOrdered ? x ^ (uint64_t(1) << 63) : x);
  }
  template <int kWidth>
  static __device__ inline void load(const ReduceParams& p, int64_t at, C* value) {
    static_assert(kWidth == 1, "integers are read one by one");
    switch (p.dtype - kFirst) {
      case 0:
        *value = static_cast<const int64_t*>(p.x)[at];
        break;
      case 1:
        *value = static_cast<const int32_t*>(p.x)[at];
        break;
      case 2:
        *value = static_cast<const int16_t*>(p.x)[at];
        break;
      case 3:
        *value = static_cast<const int8_t*>(p.x)[at];
        break;
      case 4:
        *value = flipped(static_cast<const uint64_t*>(p.x)[at]);
        break;
      case 5:
        *value = static_cast<const uint32_t*>(p.x)[at];
        break;
      case 6:
        *value = static_cast<const uint16_t*>(p.x)[at];
        break;
      default:
        *value = static_cast<const uint8_t*>(p.x)[at];
        break;
    }
  }
  static __device__ inline void store(const ReduceParams& p, int64_t at, C value) {
    if (p.dtype - kFirst == 4) value = flipped(static_cast<uint64_t>(value));
    switch (p.size) {
      case 8:
        static_cast<int64_t*>(p.y)[at] = value;
        break;
      case 4:
        static_cast<int32_t*>(p.y)[at] = static_cast<int32_t>(value);
        break;
      case 2:
        static_cast<int16_t*>(p.y)[at] = static_cast<int16_t>(value);
        break;
      default:
        static_cast<int8_t*>(p.y)[at] = static_cast<int8_t>(value);
        break;
    }
  }
  static __device__ inline C least() { return -0x7fffffffffffffffL - 1; }
  static __device__ inline C most() { return 0x7fffffffffffffffL; }
};

struct Added {
  template <class E>
  static __device__ inline typename E::C neutral() {
    return 0;
  }
  template <class C>
  static __device__ inline C combine(C a, C b) {
    return rows::add(a, b);
  }
};
struct Multiplied {
  template <class E>
  static __device__ inline typename E::C neutral() {
    return 1;
  }
  template <class C>
  static __device__ inline C combine(C a, C b) {
    return rows::multiply(a, b);
  }
};
struct Maximum {  // NaN wins
  template <class E>
  static __device__ inline typename E::C neutral() {
    return E::least();
  }
  template <class C>
  static __device__ inline C combine(C a, C b) {
    return rows::maximum(a, b);
  }
};
struct Minimum {
  template <class E>
  static __device__ inline typename E::C neutral() {
    return E::most();
  }
  template <class C>
  static __device__ inline C combine(C a, C b) {
    return rows::minimum(a, b);
  }
};

template <class E, class How>
struct Fold {
  using C = typename E::C;
  struct State {
    C value;
  };
  static __device__ inline State start() { return {How::template neutral<E>()}; }
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const ReduceParams& p, State* s, int64_t offset, int64_t,
                                    int64_t) {
    C v[kWidth];
    E::template load<kWidth>(p, offset, v);
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) {
      C& value = s[kColumns ? k : 0].value;
      value = How::combine(value, v[k]);
    }
  }
  static __device__ inline State merge(State a, State b) {
    return {How::combine(a.value, b.value)};
  }
  static __device__ inline void finish(const ReduceParams& p, int64_t output, State s) {
    E::store(p, output, s.value);
  }
};

// The position of the first largest or smallest; NaN wins.
template <class E, bool kLargest>
struct Position {
  using C = typename E::C;
  struct State {
    C value;
    int64_t index;  // -1: none yet
  };
  static __device__ inline State start() { return {C(0), -1}; }
  static __device__ inline State merge(State a, State b) {
    if (b.index < 0) return a;
    if (a.index < 0) return b;
    const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
    if (nan_a != nan_b) return nan_a ? a : b;
    if (nan_a || a.value == b.value) return a.index < b.index ? a : b;
    return (kLargest ? a.value > b.value : a.value < b.value) ? a : b;
  }
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const ReduceParams& p, State* s, int64_t offset, int64_t index,
                                    int64_t) {
    C v[kWidth];
    E::template load<kWidth>(p, offset, v);
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) {
      State& mine = s[kColumns ? k : 0];
      mine = merge(mine, {v[k], kColumns ? index : index + k});
    }
  }
  static __device__ inline void finish(const ReduceParams& p, int64_t output, State s) {
    static_cast<int64_t*>(p.y)[output] = s.index;
  }
};

// Chan, Golub and LeVeque's way of merging means and squared distances from them.
template <class C>
struct MomentsState {
  C count, mean, squares;
};
template <class C>
__device__ inline MomentsState<C> merge_moments(MomentsState<C> a, MomentsState<C> b) {
  if (a.count == C(0)) return b;
  if (b.count == C(0)) return a;
  const C count = a.count + b.count, apart = b.mean - a.mean, share = b.count / count;
  return {count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share};
}
template <class C, int kWidth, bool kColumns>
__device__ inline void add_moments(MomentsState<C>* s, const C* v) {
  if constexpr (kColumns) {
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) s[k] = merge_moments(s[k], {C(1), v[k], C(0)});
  } else {
    C mean = 0, squares = 0;
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) mean += v[k];
    mean *= C(1) / C(kWidth);
    SUAN_UNROLL
    for (int k = 0; k < kWidth; ++k) squares += (v[k] - mean) * (v[k] - mean);
    s[0] = merge_moments(s[0], {C(kWidth), mean, squares});
  }
}

template <class T>
struct Variance {
  using C = Compute<T>;
  using State = MomentsState<C>;
  static __device__ inline State start() { return {C(0), C(0), C(0)}; }
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const ReduceParams& p, State* s, int64_t offset, int64_t,
                                    int64_t) {
    C v[kWidth];
    Floats<T>::template load<kWidth>(p, offset, v);
    add_moments<C, kWidth, kColumns>(s, v);
  }
  static __device__ inline State merge(State a, State b) { return merge_moments(a, b); }
  static __device__ inline void finish(const ReduceParams& p, int64_t output, State s) {
    Floats<T>::store(p, output, s.squares / C(p.number));
  }
};

template <class T>
struct LogSumExp {
  using C = Compute<T>;
  using State = ExpSum<C>;
  static __device__ inline State start() { return exp_sum_start<C>(); }
  template <int kWidth, bool kColumns>
  static __device__ inline void add(const ReduceParams& p, State* s, int64_t offset, int64_t,
                                    int64_t) {
    C v[kWidth];
    Floats<T>::template load<kWidth>(p, offset, v);
    if constexpr (kColumns) {
      SUAN_UNROLL
      for (int k = 0; k < kWidth; ++k) exp_sum_add<1>(s[k], v + k);
    } else {
      exp_sum_add<kWidth>(s[0], v);
    }
  }
  static __device__ inline State merge(State a, State b) { return exp_sum_merge(a, b); }
  static __device__ inline void finish(const ReduceParams& p, int64_t output, State s) {
    Floats<T>::store(p, output, rows::log(s.total) + s.top);
  }
};

}  // namespace reduction

#endif
