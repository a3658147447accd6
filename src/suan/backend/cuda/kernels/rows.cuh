// The functions that the formulas of ops/*.table call, for CUDA: those of ops/scalar_math.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_ROWS_CUH
#define SUAN_ROWS_CUH

namespace rows {

#define SUAN_FLOAT_FUNCTION(name)                               \
  __device__ inline double name(double x) { return ::name(x); } \
  __device__ inline float name(float x) { return ::name##f(x); }
SUAN_FLOAT_FUNCTION(exp)
SUAN_FLOAT_FUNCTION(expm1)
SUAN_FLOAT_FUNCTION(log)
SUAN_FLOAT_FUNCTION(log1p)
SUAN_FLOAT_FUNCTION(sqrt)
SUAN_FLOAT_FUNCTION(sin)
SUAN_FLOAT_FUNCTION(cos)
SUAN_FLOAT_FUNCTION(tan)
SUAN_FLOAT_FUNCTION(asin)
SUAN_FLOAT_FUNCTION(acos)
SUAN_FLOAT_FUNCTION(atan)
SUAN_FLOAT_FUNCTION(sinh)
SUAN_FLOAT_FUNCTION(cosh)
SUAN_FLOAT_FUNCTION(tanh)
SUAN_FLOAT_FUNCTION(asinh)
SUAN_FLOAT_FUNCTION(acosh)
SUAN_FLOAT_FUNCTION(atanh)
SUAN_FLOAT_FUNCTION(erf)
SUAN_FLOAT_FUNCTION(floor)
SUAN_FLOAT_FUNCTION(ceil)
SUAN_FLOAT_FUNCTION(trunc)
#undef SUAN_FLOAT_FUNCTION
__device__ inline double round(double x) { return ::rint(x); }
__device__ inline float round(float x) { return ::rintf(x); }
__device__ inline double abs(double x) { return ::fabs(x); }
__device__ inline float abs(float x) { return ::fabsf(x); }
__device__ inline double normal_cdf(double x) { return 0.5 * ::erfc(x * -0.7071067811865476); }
__device__ inline float normal_cdf(float x) { return 0.5f * ::erfcf(x * -0.7071067811865476f); }
template <class T>
__device__ inline T gate_slope(T u, T v) {
  const T s = T(1) / (T(1) + exp(-u));
  return s * (T(1) + (T(1) - s) * v);
}
__device__ inline double pow(double x, double y) { return ::pow(x, y); }
__device__ inline float pow(float x, float y) { return ::powf(x, y); }
__device__ inline double atan2(double y, double x) { return ::atan2(y, x); }
__device__ inline float atan2(float y, float x) { return ::atan2f(y, x); }

// NaN wins.
template <class T>
__device__ inline T maximum(T a, T b) {
  return a != a ? a : (b > a || b != b ? b : a);
}
template <class T>
__device__ inline T minimum(T a, T b) {
  return a != a ? a : (b < a || b != b ? b : a);
}
template <class T>
__device__ inline T select(bool condition, T a, T b) {
  return condition ? a : b;
}

// Without fused multiply-adds: the results are those of the CPU.
__device__ inline double add(double a, double b) { return __dadd_rn(a, b); }
__device__ inline float add(float a, float b) { return __fadd_rn(a, b); }
__device__ inline double subtract(double a, double b) { return __dsub_rn(a, b); }
__device__ inline float subtract(float a, float b) { return __fsub_rn(a, b); }
__device__ inline double multiply(double a, double b) { return __dmul_rn(a, b); }
__device__ inline float multiply(float a, float b) { return __fmul_rn(a, b); }
__device__ inline double divide(double a, double b) { return a / b; }
__device__ inline float divide(float a, float b) { return a / b; }
__device__ inline double modulo(double a, double b) { return a - floor(a / b) * b; }
__device__ inline float modulo(float a, float b) { return a - floor(a / b) * b; }

// Integers wrap; what is divided by zero gives 0.
__device__ inline uint64_t add(uint64_t a, uint64_t b) { return a + b; }
__device__ inline uint64_t subtract(uint64_t a, uint64_t b) { return a - b; }
__device__ inline uint64_t multiply(uint64_t a, uint64_t b) { return a * b; }
__device__ inline uint64_t divide(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
__device__ inline uint64_t modulo(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
__device__ inline uint64_t abs(uint64_t x) { return x; }
#define SUAN_WRAPPING(name)                                                                \
  __device__ inline int64_t name(int64_t a, int64_t b) {                                   \
    return static_cast<int64_t>(name(static_cast<uint64_t>(a), static_cast<uint64_t>(b))); \
  }
SUAN_WRAPPING(add)
SUAN_WRAPPING(subtract)
SUAN_WRAPPING(multiply)
#undef SUAN_WRAPPING
__device__ inline int64_t abs(int64_t x) { return x < 0 ? subtract(int64_t(0), x) : x; }
__device__ inline int64_t divide(int64_t a, int64_t b) {
  return b == 0 ? 0 : (b == -1 ? subtract(int64_t(0), a) : a / b);
}
__device__ inline int64_t modulo(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

}  // namespace rows

#endif
