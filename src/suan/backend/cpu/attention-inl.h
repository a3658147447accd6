// The products inside attention. Vector lanes are queries: scores, their maxima and sums, causal
// limits and outputs need no work across lanes, and keys and values are read where they lie.
// Included once per instruction set. SPDX-License-Identifier: Apache-2.0
#if defined(SUAN_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SUAN_ATTENTION_INL_H_
#undef SUAN_ATTENTION_INL_H_
#else
#define SUAN_ATTENTION_INL_H_
#endif

#include <bit>

#include "suan/backend/cpu/attention.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

constexpr size_t kKeyRows = 8;  // keys (or channels) whose products are held in registers at once

// 2^x for x <= 0, exactly 0 below 2^-125; error 2 ulp. Cephes' polynomial on [-1/2, 1/2].
HWY_INLINE Vec exp2_of(Vec x) {
  const D d;
  const hn::RebindToSigned<D> di;
  const Vec magic = hn::Set(d, 12582912.0f);  // 1.5 2^23: the sum's low bits are round(x)
  const Vec shifted = hn::Add(x, magic);
  const Vec f = hn::Sub(x, hn::Sub(shifted, magic));
  Vec p = hn::Set(d, 1.535336188319500e-4f);
  p = hn::MulAdd(p, f, hn::Set(d, 1.339887440266574e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 9.618437357674640e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.550332471162809e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.402264791363012e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.931472028550421e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  const Vec y = hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -125.0f)), y);
}

// acc[r] += sum_k a(r, k) b[k], for vectors b[k] that are b_step floats apart.
template <size_t R, class A>
HWY_INLINE void products(size_t n, const A& a, const float* b, size_t b_step, Vec* acc) {
  const D d;
  Vec sum[R];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) sum[r] = acc[r];
  for (size_t k = 0; k < n; ++k) {
    const Vec v = hn::LoadU(d, b + k * b_step);
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) sum[r] = hn::MulAdd(hn::Set(d, a(r, k)), v, sum[r]);
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) acc[r] = sum[r];
}

// acc[r] = <row r, x> for kKeyRows rows `step` apart, of which `rows` exist; x [n][lanes].
HWY_INLINE void row_products(const float* base, size_t step, size_t rows, size_t n, const float* x,
                             Vec* acc) {
  const float* row[kKeyRows];
#pragma GCC unroll 16
  for (size_t r = 0; r < kKeyRows; ++r) {
    row[r] = base + (r < rows ? r : rows - 1) * step;
    acc[r] = hn::Zero(D());
  }
  const auto at = [&](size_t r, size_t k) HWY_ATTR { return row[r][k]; };
  products<kKeyRows>(n, at, x, hn::Lanes(D()), acc);
}

// The same, added to R vectors of memory that are c_step floats apart.
template <size_t R, class A>
HWY_INLINE void add_products(size_t n, const A& a, const float* b, size_t b_step, float* c,
                             size_t c_step) {
  const D d;
  Vec acc[R];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) acc[r] = hn::Load(d, c + r * c_step);
  products<R>(n, a, b, b_step, acc);
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) hn::Store(acc[r], d, c + r * c_step);
}

// y[c] += sum_k x[k] rows[k][c] for channels c < width; y and x [...][lanes].
HWY_INLINE void add_channels(const float* rows, size_t step, size_t n, size_t width, const float* x,
                             float* y) {
  const size_t lanes = hn::Lanes(D());
  size_t c = 0;
  for (; c + kKeyRows <= width; c += kKeyRows) {
    const float* p = rows + c;
    const auto at = [&](size_t r, size_t k) HWY_ATTR { return p[k * step + r]; };
    add_products<kKeyRows>(n, at, x, lanes, y + c * lanes, lanes);
  }
  for (; c < width; ++c) {
    const float* p = rows + c;
    const auto at = [&](size_t, size_t k) HWY_ATTR { return p[k * step]; };
    add_products<1>(n, at, x, lanes, y + c * lanes, lanes);
  }
}

// to[r][c] = sum over queries of x[r][query] rows[query][c], added to `to`; `rows` and `to` have
// lines of `width` floats, whole vectors.
HWY_INLINE void add_queries(const float* x, size_t keys, const float* rows, size_t width,
                            float* to) {
  const size_t lanes = hn::Lanes(D());
  for (size_t j = 0; j < keys; j += kKeyRows) {
    const float* p = x + j * lanes;
    const auto at = [&](size_t r, size_t q) HWY_ATTR { return p[r * hn::MaxLanes(D()) + q]; };
    for (size_t c = 0; c < width; c += lanes) {
      add_products<kKeyRows>(lanes, at, rows + c, width, to + j * width + c, width);
    }
  }
}

// The scores of key j as masks leave them: -inf where a query does not see it.
HWY_INLINE Vec masked(Vec score, size_t j, const float* limits, size_t sure, const MaskTile& mask,
                      size_t queries) {
  const D d;
  if (mask.numbers || mask.seen) {
    HWY_ALIGN float more[hn::MaxLanes(D())] = {};
    for (size_t i = 0; i < queries; ++i) {
      const int64_t at =
          static_cast<int64_t>(i) * mask.query_step + static_cast<int64_t>(j) * mask.key_step;
      more[i] = mask.numbers ? mask.numbers[at] * 1.44269504f : mask.seen[at] ? 0 : -HUGE_VALF;
    }
    score = hn::Add(score, hn::Load(d, more));
  }
  if (j < sure) return score;
  const auto seen = hn::Lt(hn::Set(d, static_cast<float>(j)), hn::Load(d, limits));
  return hn::IfThenElse(seen, score, hn::Set(d, -HUGE_VALF));
}

// to[c][i] = factor rows[i][c] for i < lanes.
HWY_INLINE void turn_rows(const float* rows, size_t step, size_t width, float factor, float* to) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const hn::Simd<float, 4, 0> d4;
  const hn::Simd<double, 2, 0> d2;
  const auto f = hn::Set(d4, factor);
  const size_t whole = width / 4 * 4;
  for (size_t i = 0; i < lanes; i += 4) {
    const float* p = rows + i * step;
    for (size_t c = 0; c < whole; c += 4) {
      const auto r0 = hn::Mul(f, hn::LoadU(d4, p + c));
      const auto r1 = hn::Mul(f, hn::LoadU(d4, p + c + step));
      const auto r2 = hn::Mul(f, hn::LoadU(d4, p + c + 2 * step));
      const auto r3 = hn::Mul(f, hn::LoadU(d4, p + c + 3 * step));
      const auto a = hn::BitCast(d2, hn::InterleaveLower(d4, r0, r1));
      const auto b = hn::BitCast(d2, hn::InterleaveLower(d4, r2, r3));
      const auto e = hn::BitCast(d2, hn::InterleaveUpper(d4, r0, r1));
      const auto g = hn::BitCast(d2, hn::InterleaveUpper(d4, r2, r3));
      float* q = to + c * lanes + i;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, a, b)), d4, q);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, a, b)), d4, q + lanes);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, e, g)), d4, q + 2 * lanes);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, e, g)), d4, q + 3 * lanes);
    }
    for (size_t c = whole; c < width; ++c) {
      for (size_t k = 0; k < 4; ++k) to[c * lanes + i + k] = factor * p[k * step + c];
    }
  }
}

// to[i][c] = from[c][i] for i < lanes.
HWY_INLINE void turn_columns(const float* from, size_t width, float* to, size_t step) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const hn::Simd<float, 4, 0> d4;
  const hn::Simd<double, 2, 0> d2;
  const size_t whole = width / 4 * 4;
  for (size_t c = 0; c < whole; c += 4) {
    for (size_t i = 0; i < lanes; i += 4) {
      const float* p = from + c * lanes + i;
      const auto r0 = hn::LoadU(d4, p), r1 = hn::LoadU(d4, p + lanes);
      const auto r2 = hn::LoadU(d4, p + 2 * lanes), r3 = hn::LoadU(d4, p + 3 * lanes);
      const auto a = hn::BitCast(d2, hn::InterleaveLower(d4, r0, r1));
      const auto b = hn::BitCast(d2, hn::InterleaveLower(d4, r2, r3));
      const auto e = hn::BitCast(d2, hn::InterleaveUpper(d4, r0, r1));
      const auto g = hn::BitCast(d2, hn::InterleaveUpper(d4, r2, r3));
      float* q = to + i * step + c;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, a, b)), d4, q);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, a, b)), d4, q + step);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, e, g)), d4, q + 2 * step);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, e, g)), d4, q + 3 * step);
    }
  }
  for (size_t c = whole; c < width; ++c) {
    for (size_t i = 0; i < lanes; ++i) to[i * step + c] = from[c * lanes + i];
  }
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
