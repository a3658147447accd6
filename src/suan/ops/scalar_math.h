// The functions that elementwise rows may call, for the scalar types of the reference backend. The
// CPU backend supplies the same names for vectors, the CUDA backend as source text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace suan::rows {

#define SUAN_FLOAT_FUNCTION(name, call)            \
  inline double name(double x) { return call(x); } \
  inline float name(float x) { return call(x); }
SUAN_FLOAT_FUNCTION(exp, std::exp)
SUAN_FLOAT_FUNCTION(expm1, std::expm1)
SUAN_FLOAT_FUNCTION(log, std::log)
SUAN_FLOAT_FUNCTION(log1p, std::log1p)
SUAN_FLOAT_FUNCTION(sqrt, std::sqrt)
SUAN_FLOAT_FUNCTION(sin, std::sin)
SUAN_FLOAT_FUNCTION(cos, std::cos)
SUAN_FLOAT_FUNCTION(tan, std::tan)
SUAN_FLOAT_FUNCTION(asin, std::asin)
SUAN_FLOAT_FUNCTION(acos, std::acos)
SUAN_FLOAT_FUNCTION(atan, std::atan)
SUAN_FLOAT_FUNCTION(sinh, std::sinh)
SUAN_FLOAT_FUNCTION(cosh, std::cosh)
SUAN_FLOAT_FUNCTION(tanh, std::tanh)
SUAN_FLOAT_FUNCTION(asinh, std::asinh)
SUAN_FLOAT_FUNCTION(acosh, std::acosh)
SUAN_FLOAT_FUNCTION(atanh, std::atanh)
SUAN_FLOAT_FUNCTION(erf, std::erf)
SUAN_FLOAT_FUNCTION(floor, std::floor)
SUAN_FLOAT_FUNCTION(ceil, std::ceil)
SUAN_FLOAT_FUNCTION(round, std::nearbyint)
SUAN_FLOAT_FUNCTION(trunc, std::trunc)
#undef SUAN_FLOAT_FUNCTION

inline double abs(double x) { return std::abs(x); }
inline float abs(float x) { return std::abs(x); }
inline int64_t abs(int64_t x) {
  return x < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(x)) : x;
}
inline uint64_t abs(uint64_t x) { return x; }
// The normal distribution function Phi(x) = (1 + erf(x / sqrt(2))) / 2.
inline double normal_cdf(double x) { return 0.5 * std::erfc(x * -0.7071067811865476); }
inline float normal_cdf(float x) { return 0.5f * std::erfc(x * -0.7071067811865476f); }
// s + s (1 - s) v where s = 1 / (1 + exp(-u)): the derivative of x s(u(x)), for v = x u'(x).
template <class T>
  requires std::is_floating_point_v<T>
T gate_slope(T u, T v) {
  const T s = T(1) / (T(1) + exp(-u));
  return s * (T(1) + (T(1) - s) * v);
}
inline double pow(double x, double y) { return std::pow(x, y); }
inline float pow(float x, float y) { return std::pow(x, y); }
inline double atan2(double y, double x) { return std::atan2(y, x); }
inline float atan2(float y, float x) { return std::atan2(y, x); }
// NaN wins, as in NumPy, PyTorch and ONNX.
template <class T>
T maximum(T a, T b) {
  return a != a ? a : (b > a || b != b ? b : a);
}
template <class T>
T minimum(T a, T b) {
  return a != a ? a : (b < a || b != b ? b : a);
}
template <class T>
T select(bool condition, T a, T b) {
  return condition ? a : b;
}
inline bool logical_not(bool c) { return !c; }

// Integer arithmetic wraps, and division by zero gives 0: no input can trap.
inline double divide(double a, double b) { return a / b; }
inline float divide(float a, float b) { return a / b; }
inline int64_t divide(int64_t a, int64_t b) {
  return b == 0 ? 0 : (b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b);
}
inline uint64_t divide(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }
// Remainder with the sign of the divisor (Python's %).
template <class T>
  requires std::is_floating_point_v<T>
T modulo(T a, T b) {
  return a - floor(a / b) * b;
}
inline int64_t modulo(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
inline uint64_t modulo(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }
template <class T>
  requires std::is_floating_point_v<T>
T add(T a, T b) {
  return a + b;
}
template <class T>
  requires std::is_floating_point_v<T>
T subtract(T a, T b) {
  return a - b;
}
template <class T>
  requires std::is_floating_point_v<T>
T multiply(T a, T b) {
  return a * b;
}
inline int64_t add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t subtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
inline int64_t multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

inline uint64_t add(uint64_t a, uint64_t b) { return a + b; }
inline uint64_t subtract(uint64_t a, uint64_t b) { return a - b; }
inline uint64_t multiply(uint64_t a, uint64_t b) { return a * b; }

}  // namespace suan::rows
