// The products inside attention. Vector lanes are queries: scores, their maxima and sums, causal
// limits and outputs need no work across lanes, and keys and values are read where they lie.
// Included once per instruction set. SPDX-License-Identifier: Apache-2.0
#if defined(SUAN_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SUAN_ATTENTION_INL_H_
#undef SUAN_ATTENTION_INL_H_
#else
#define SUAN_ATTENTION_INL_H_
#endif

#include <cfloat>
#include <cmath>

#include "suan/backend/cpu/attention.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

constexpr size_t kKeyRows = 8;  // keys (or channels) whose products are held in registers at once

// acc[r][w] += sum_k a(r, k) b(k, w), numbers times vectors.
template <size_t R, size_t W, class A, class B>
HWY_INLINE void products(size_t n, const A& a, const B& b, Vec (&acc)[R][W]) {
  Vec sum[R][W];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) sum[r][w] = acc[r][w];
  }
  for (size_t k = 0; k < n; ++k) {
    Vec v[W];
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) v[w] = b(k, w);
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) {
      const Vec x = hn::Set(D(), a(r, k));
#pragma GCC unroll 4
      for (size_t w = 0; w < W; ++w) sum[r][w] = hn::MulAdd(x, v[w], sum[r][w]);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) acc[r][w] = sum[r][w];
  }
}

// acc[r] = <row r, x> for kKeyRows rows, `step` apart, of which `rows` exist; x [n][x_step], of
// which W vectors count.
template <size_t W>
HWY_INLINE void row_products(const float* base, size_t step, size_t rows, size_t n, const float* x,
                             size_t x_step, Vec (&acc)[kKeyRows][W]) {
  const float* row[kKeyRows];
#pragma GCC unroll 16
  for (size_t r = 0; r < kKeyRows; ++r) {
    row[r] = base + (r < rows ? r : rows - 1) * step;
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) acc[r][w] = hn::Zero(D());
  }
  const auto at = [&](size_t r, size_t k) HWY_ATTR { return row[r][k]; };
  const auto vector = [&](size_t k, size_t w)
                          HWY_ATTR { return hn::Load(D(), x + k * x_step + w * hn::Lanes(D())); };
  products(n, at, vector, acc);
}

// c[r][w] += sum_k a(r, k) b(k, w), for R rows of W vectors in memory, c_step floats apart.
template <size_t R, size_t W, class A, class B>
HWY_INLINE void add_products(size_t n, const A& a, const B& b, float* c, size_t c_step) {
  const D d;
  Vec acc[R][W];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) acc[r][w] = hn::Load(d, c + r * c_step + w * hn::Lanes(d));
  }
  products(n, a, b, acc);
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) hn::Store(acc[r][w], d, c + r * c_step + w * hn::Lanes(d));
  }
}

// y[c] += sum_k x[k] rows[k][c] for channels c < width; y and x [...][lanes].
HWY_INLINE void add_channels(const float* rows, size_t step, size_t n, size_t width, const float* x,
                             float* y) {
  const size_t lanes = hn::Lanes(D());
  const auto vector = [&](size_t k, size_t) HWY_ATTR { return hn::Load(D(), x + k * lanes); };
  size_t c = 0;
  for (; c + kKeyRows <= width; c += kKeyRows) {
    const float* p = rows + c;
    const auto at = [&](size_t r, size_t k) HWY_ATTR { return p[k * step + r]; };
    add_products<kKeyRows, 1>(n, at, vector, y + c * lanes, lanes);
  }
  for (; c < width; ++c) {
    const float* p = rows + c;
    const auto at = [&](size_t, size_t k) HWY_ATTR { return p[k * step]; };
    add_products<1, 1>(n, at, vector, y + c * lanes, lanes);
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
      const float* column = rows + c;
      const auto vector = [&](size_t q, size_t)
                              HWY_ATTR { return hn::Load(D(), column + q * width); };
      add_products<kKeyRows, 1>(lanes, at, vector, to + j * width + c, width);
    }
  }
}

// Numbers of a mask as scores take them: log2(e) times. The lowest finite ones stay finite, so that
// a row which they hide whole keeps its mean.
HWY_INLINE Vec scaled_mask(Vec m) {
  const D d;
  const Vec scaled = hn::Max(hn::Set(d, -FLT_MAX), hn::Mul(m, hn::Set(d, kLog2E)));  // keeps NaN
  return hn::IfThenElse(hn::Eq(m, hn::Set(d, -HUGE_VALF)), m, scaled);
}

// Scores of key j: -inf for queries that see fewer keys.
HWY_INLINE Vec limited(Vec score, size_t j, const float* limits, size_t sure) {
  if (j < sure) return score;
  const D d;
  const auto seen = hn::Lt(hn::Set(d, static_cast<float>(j)), hn::Load(d, limits));
  return hn::IfThenElse(seen, score, hn::Set(d, -HUGE_VALF));
}

// The scores of key j as masks leave them: -inf where a query does not see it.
HWY_INLINE Vec masked(Vec score, size_t j, const float* limits, size_t sure, const MaskTile& mask,
                      size_t queries) {
  const D d;
  if (mask) {
    HWY_ALIGN float numbers[hn::MaxLanes(D())] = {};
    const int64_t first = static_cast<int64_t>(j) * mask.key_step;
    for (size_t i = 0; i < queries; ++i) {
      numbers[i] = mask.at(first + static_cast<int64_t>(i) * mask.query_step);
    }
    score = hn::Add(score, scaled_mask(hn::Load(d, numbers)));
  }
  return limited(score, j, limits, sure);
}

// to[c][i] = factor rows[i][c] for i < lanes; lines of `to` are to_step apart.
HWY_INLINE void turn_rows(const float* rows, size_t step, size_t width, float factor, float* to,
                          size_t to_step) {
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
      float* q = to + c * to_step + i;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, a, b)), d4, q);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, a, b)), d4, q + to_step);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, e, g)), d4, q + 2 * to_step);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, e, g)), d4, q + 3 * to_step);
    }
    for (size_t c = whole; c < width; ++c) {
      for (size_t k = 0; k < 4; ++k) to[c * to_step + i + k] = factor * p[k * step + c];
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
