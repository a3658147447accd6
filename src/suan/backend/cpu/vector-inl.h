// V: a vector of floats with the operators and functions that elementwise rows call. Included once
// per instruction set by Highway's foreach_target. SPDX-License-Identifier: Apache-2.0
#if defined(SUAN_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SUAN_VECTOR_INL_H_
#undef SUAN_VECTOR_INL_H_
#else
#define SUAN_VECTOR_INL_H_
#endif

#include <algorithm>
#include <cmath>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using Vec = hn::Vec<D>;
using Mask = hn::Mask<D>;

struct M {
  Mask m;
};
struct V {
  Vec v;
  V() = default;
  explicit V(Vec vec) : v(vec) {}
  explicit V(double value) : v(hn::Set(D(), static_cast<float>(value))) {}
};

HWY_INLINE V operator+(V a, V b) { return V(hn::Add(a.v, b.v)); }
HWY_INLINE V operator-(V a, V b) { return V(hn::Sub(a.v, b.v)); }
HWY_INLINE V operator*(V a, V b) { return V(hn::Mul(a.v, b.v)); }
HWY_INLINE V operator/(V a, V b) { return V(hn::Div(a.v, b.v)); }
HWY_INLINE V operator-(V a) { return V(hn::Neg(a.v)); }
HWY_INLINE M operator<(V a, V b) { return {hn::Lt(a.v, b.v)}; }
HWY_INLINE M operator>(V a, V b) { return {hn::Gt(a.v, b.v)}; }
HWY_INLINE M operator<=(V a, V b) { return {hn::Le(a.v, b.v)}; }
HWY_INLINE M operator>=(V a, V b) { return {hn::Ge(a.v, b.v)}; }
HWY_INLINE M operator==(V a, V b) { return {hn::Eq(a.v, b.v)}; }
// Highway's Ne is false for NaN.
HWY_INLINE M operator!=(V a, V b) { return {hn::Not(hn::Eq(a.v, b.v))}; }
HWY_INLINE V select(M m, V a, V b) { return V(hn::IfThenElse(m.m, a.v, b.v)); }
HWY_INLINE V as_value(V v) { return v; }
HWY_INLINE V as_value(M m) { return V(hn::IfThenElseZero(m.m, hn::Set(D(), 1.0f))); }

HWY_INLINE V add(V a, V b) { return a + b; }
HWY_INLINE V subtract(V a, V b) { return a - b; }
HWY_INLINE V multiply(V a, V b) { return a * b; }
HWY_INLINE V divide(V a, V b) { return a / b; }
HWY_INLINE V abs(V x) { return V(hn::Abs(x.v)); }
HWY_INLINE V sqrt(V x) { return V(hn::Sqrt(x.v)); }
HWY_INLINE V floor(V x) { return V(hn::Floor(x.v)); }
HWY_INLINE V ceil(V x) { return V(hn::Ceil(x.v)); }
HWY_INLINE V round(V x) { return V(hn::Round(x.v)); }
HWY_INLINE V trunc(V x) { return V(hn::Trunc(x.v)); }
HWY_INLINE V modulo(V a, V b) { return a - floor(a / b) * b; }
// NaN must win from both sides. x86 min and max give their second operand when either is NaN, so
// only b is left to check, which is done once where b is one number for all.
HWY_INLINE V maximum(V a, V b) { return select(b != b, b, V(hn::Max(b.v, a.v))); }
HWY_INLINE V minimum(V a, V b) { return select(b != b, b, V(hn::Min(b.v, a.v))); }

HWY_INLINE V log(V x) {
  const V y(hn::Log(D(), x.v));
  // The polynomial does not know the edges of the domain.
  const V edge = select(x == V(0.0), V(-HUGE_VAL), select(x > V(0.0), x, V(NAN)));
  return select(x > V(0.0), select(x == V(HUGE_VAL), x, y), edge);
}
// p 2^n for p in [1/2, 2], where `shifted` is n + 1.5 2^23: its low bits are n.
constexpr float kShift = 12582912.0f;
HWY_INLINE Vec scaled_by_power(Vec p, Vec shifted) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
}

// e^x = 2^n e^r with n = round(x / ln 2); Cephes' polynomial of e^r, error 1 ulp. Exactly 0 where
// the result would be subnormal.
HWY_INLINE V exp(V x) {
  const D d;
  const Vec magic = hn::Set(d, kShift);
  const Vec shifted = hn::MulAdd(x.v, hn::Set(d, 1.44269504f), magic);
  const Vec n = hn::Sub(shifted, magic);
  Vec r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x.v);  // ln 2 in two parts
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  Vec p = hn::Set(d, 1.9875691500e-4f);
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, hn::Set(d, 1.0f)));
  const Vec y = scaled_by_power(p, shifted);
  const Vec bounded = hn::IfThenZeroElse(hn::Lt(x.v, hn::Set(d, -87.3f)), y);
  const V edge = select(x != x, x, V(HUGE_VAL));
  return select(M{hn::Le(x.v, hn::Set(d, 88.722839f))}, V(bounded), edge);
}
HWY_INLINE V expm1(V x) {
  const V y(hn::Expm1(D(), hn::Min(x.v, hn::Set(D(), 88.8f))));
  return select(x != x, x, select(x > V(88.722839), V(HUGE_VAL), y));
}
HWY_INLINE V log1p(V x) {
  const V y(hn::Log1p(D(), x.v));
  const V edge = select(x == V(-1.0), V(-HUGE_VAL), select(x > V(-1.0), x, V(NAN)));
  return select(x > V(-1.0), select(x == V(HUGE_VAL), x, y), edge);
}
HWY_INLINE V gate_slope(V u, V v) {
  const V s = V(1.0) / (V(1.0) + exp(-u));
  return s * (V(1.0) + (V(1.0) - s) * v);
}
HWY_INLINE V tanh(V x) { return select(x != x, x, V(hn::Tanh(D(), x.v))); }
HWY_INLINE V sinh(V x) { return (exp(x) - exp(-x)) * V(0.5); }
HWY_INLINE V cosh(V x) { return (exp(x) + exp(-x)) * V(0.5); }

// erf(x) = x P(x^2) for |x| < 1, else sign(x) (1 - exp(-Q(|x|))); P and Q are Chebyshev fits whose
// error is 1.2e-7.
HWY_INLINE V erf(V x) {
  const V t = V(hn::Min(hn::Abs(x.v), hn::Set(D(), 4.0f)));
  const V s = x * x;
  constexpr float kP[] = {7.933493907330558e-05f, -0.0008034846978262067f, 0.005191218573600054f,
                          -0.02685539983212948f,  0.11283625662326813f,    -0.3761262893676758f,
                          1.128379225730896f};
  constexpr float kQ[] = {6.582862255299915e-08f,  -3.095205556746805e-06f, 6.006880721542984e-05f,
                          -0.0006733376067131758f, 0.005021044984459877f,   -0.026999497786164284f,
                          0.1109074205160141f,     0.6310888528823853f,     1.1306045055389404f,
                          -0.0004005005757790059f};
  Vec p = hn::Set(D(), kP[0]);
  for (int i = 1; i < 7; ++i) p = hn::MulAdd(p, s.v, hn::Set(D(), kP[i]));
  Vec q = hn::Set(D(), kQ[0]);
  for (int i = 1; i < 10; ++i) q = hn::MulAdd(q, t.v, hn::Set(D(), kQ[i]));
  const V outer = V(1.0) - V(hn::Exp(D(), hn::Neg(q)));
  const V signed_outer = V(hn::CopySign(outer.v, x.v));
  return select(x != x, x, select(abs(x) < V(1.0), x * V(p), signed_outer));
}

// 2^x for x <= 0, exactly 0 below 2^-125; error 2 ulp. Cephes' polynomial on [-1/2, 1/2].
HWY_INLINE Vec exp2_of(Vec x) {
  const D d;
  const Vec magic = hn::Set(d, kShift);
  const Vec shifted = hn::Add(x, magic);
  const Vec f = hn::Sub(x, hn::Sub(shifted, magic));
  Vec p = hn::Set(d, 1.535336188319500e-4f);
  p = hn::MulAdd(p, f, hn::Set(d, 1.339887440266574e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 9.618437357674640e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.550332471162809e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.402264791363012e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.931472028550421e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const Vec y = scaled_by_power(p, shifted);
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -125.0f)), y);
}

// Phi(x) = 2^-P(|x|) for x < 0, and 1 - 2^-P(|x|) above: a Chebyshev fit on [0, 6.5] whose error is
// 3e-8, 3e-5 of the result where that is small; 0 and 1 beyond.
HWY_INLINE V normal_cdf(V x) {
  const D d;
  constexpr float kP[] = {-2.38244908246088e-08f,
                          7.412398304040835e-07f,
                          -9.80639651970705e-06f,
                          7.014704897301272e-05f,
                          -2.589881478343159e-04f,
                          -4.170493411947973e-05f,
                          6.997333373874426e-03f,
                          -5.247534438967705e-02f,
                          -4.592096209526062e-01f,
                          -1.151105523109436f,
                          -1.0f};
  const Vec a = hn::Abs(x.v);
  Vec p = hn::Set(d, kP[0]);
  for (int i = 1; i < 11; ++i) p = hn::MulAdd(p, a, hn::Set(d, kP[i]));
  const Vec tail = hn::IfThenZeroElse(hn::Gt(a, hn::Set(d, 6.5f)), exp2_of(p));
  const V phi = select(x < V(0.0), V(tail), V(hn::Sub(hn::Set(d, 1.0f), tail)));
  return select(x != x, x, phi);
}

// Functions that are rare enough to go lane by lane.
template <class F>
HWY_INLINE V by_lane(V a, V b, F f) {
  const D d;
  HWY_ALIGN float x[hn::MaxLanes(D())], y[hn::MaxLanes(D())];
  hn::Store(a.v, d, x);
  hn::Store(b.v, d, y);
  for (size_t i = 0; i < hn::Lanes(d); ++i) x[i] = f(x[i], y[i]);
  return V(hn::Load(d, x));
}
#define SUAN_LANE_FUNCTION(name)                                       \
  HWY_INLINE V name(V x) {                                             \
    return by_lane(x, x, [](float v, float) { return std::name(v); }); \
  }
SUAN_LANE_FUNCTION(sin)
SUAN_LANE_FUNCTION(cos)
SUAN_LANE_FUNCTION(tan)
SUAN_LANE_FUNCTION(asin)
SUAN_LANE_FUNCTION(acos)
SUAN_LANE_FUNCTION(atan)
SUAN_LANE_FUNCTION(asinh)
SUAN_LANE_FUNCTION(acosh)
SUAN_LANE_FUNCTION(atanh)
#undef SUAN_LANE_FUNCTION
HWY_INLINE V pow(V a, V b) {
  return by_lane(a, b, [](float x, float y) { return std::pow(x, y); });
}
HWY_INLINE V atan2(V a, V b) {
  return by_lane(a, b, [](float y, float x) { return std::atan2(y, x); });
}

// The first n (fewer than a vector) floats; the other lanes are zero. Before AVX2 a masked access
// is a whole aligned one, so the floats go through a buffer.
#if HWY_TARGET <= HWY_AVX2
HWY_INLINE Vec load_part(const float* p, size_t n) {
  return hn::MaskedLoad(hn::FirstN(D(), n), D(), p);
}
HWY_INLINE void store_part(Vec v, float* p, size_t n) {
  hn::BlendedStore(v, hn::FirstN(D(), n), D(), p);
}
#else
HWY_INLINE Vec load_part(const float* p, size_t n) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())] = {};
  std::copy_n(p, n, lanes);
  return hn::Load(D(), lanes);
}
HWY_INLINE void store_part(Vec v, float* p, size_t n) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  hn::Store(v, D(), lanes);
  std::copy_n(lanes, n, p);
}
#endif

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
