// AVX-512 BF16 by intrinsics: Highway 1.0.3 has no dot products of bf16.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/attention_bf16.h"

#ifndef __clang__
// False in g++ 12's intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

#include "suan/backend/cpu/dnnl.h"

#define SUAN_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

namespace suan::cpu::bf16 {
namespace {

constexpr int64_t kRows = 8;  // keys or channels whose sums are held in registers at once

SUAN_BF16 inline __m512 dot(__m512 sum, Pair a, __m512i b) {
  return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)), (__m512bh)b);
}
SUAN_BF16 inline __m512i load(const Pair* p) { return _mm512_loadu_si512(p); }

// 2^x for x <= 0, exactly 0 below 2^-125: exp2_of in vector-inl.h, to fewer digits.
SUAN_BF16 inline __m512 exp2_of(__m512 x) {
  const __m512 magic = _mm512_set1_ps(12582912.0f);
  const __m512 shifted = _mm512_add_ps(x, magic);
  const __m512 f = _mm512_sub_ps(x, _mm512_sub_ps(shifted, magic));
  __m512 p = _mm512_set1_ps(1.339887440266574e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.618437357674640e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.550332471162809e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402264791363012e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931472028550421e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
  const __m512 y = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), exponent));
  const __mmask16 kept = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-125.0f), _CMP_NLT_UQ);  // or NaN
  return _mm512_maskz_mov_ps(kept, y);
}

// sums[r] = <row r, x> for kRows rows, of which `rows` exist; x [pairs][lanes].
SUAN_BF16 inline void row_products(const Number* base, int64_t step, int64_t rows, int64_t pairs,
                                   const Pair* x, __m512* sums) {
  const Number* row[kRows];
  __m512 sum[kRows];
#pragma GCC unroll 8
  for (int64_t r = 0; r < kRows; ++r) {
    row[r] = base + (r < rows ? r : rows - 1) * step;
    sum[r] = _mm512_setzero_ps();
  }
  for (int64_t c = 0; c < pairs; ++c) {
    const __m512i v = load(x + c * kLanes);
#pragma GCC unroll 8
    for (int64_t r = 0; r < kRows; ++r) {
      Pair pair;
      std::memcpy(&pair, row[r] + 2 * c, sizeof pair);
      sum[r] = dot(sum[r], pair, v);
    }
  }
#pragma GCC unroll 8
  for (int64_t r = 0; r < kRows; ++r) sums[r] = sum[r];
}

// to[r] += sum over n pairs k of a[r a_step + k k_step] b[k b_step], for R vectors `to_step` apart.
// With kFirst, only the first number of a pair counts.
template <int64_t R, bool kFirst = false>
SUAN_BF16 inline void add_products(int64_t n, const Pair* a, int64_t a_step, int64_t k_step,
                                   const Pair* b, int64_t b_step, float* to, int64_t to_step) {
  __m512 sum[R];
#pragma GCC unroll 8
  for (int64_t r = 0; r < R; ++r) sum[r] = _mm512_loadu_ps(to + r * to_step);
  for (int64_t k = 0; k < n; ++k) {
    const __m512i v = load(b + k * b_step);
#pragma GCC unroll 8
    for (int64_t r = 0; r < R; ++r) {
      const Pair pair = a[r * a_step + k * k_step];
      sum[r] = dot(sum[r], kFirst ? pair & 0xffff : pair, v);
    }
  }
#pragma GCC unroll 8
  for (int64_t r = 0; r < R; ++r) _mm512_storeu_ps(to + r * to_step, sum[r]);
}

template <bool kFirst>
SUAN_BF16 void add_pairs(const Pair* rows, int64_t pairs, int64_t width, const Pair* x, float* y) {
  int64_t c = 0;
  for (; c + kRows <= width; c += kRows) {
    add_products<kRows, kFirst>(pairs, rows + c, 1, width, x, kLanes, y + c * kLanes, kLanes);
  }
  for (; c < width; ++c) {
    add_products<1, kFirst>(pairs, rows + c, 1, width, x, kLanes, y + c * kLanes, kLanes);
  }
}

// y[c] += sum over n keys of x[key] rows[key][c], keys in pairs; y and x [...][lanes]. The key
// after an odd n may hold anything.
SUAN_BF16 void add_channels(const Pair* rows, int64_t n, int64_t width, const Pair* x, float* y) {
  add_pairs<false>(rows, n / 2, width, x, y);
  if (n % 2) add_pairs<true>(rows + n / 2 * width, 1, width, x + n / 2 * kLanes, y);
}

// to[r] += sum over n keys of x[key][r] rows[key], for R queries and W vectors of channels; rows
// are pairs of keys, `step` apart, as lines of `to` are. The key after an odd n may hold anything.
template <int64_t R, int64_t W>
SUAN_BF16 inline void add_values(int64_t n, const Pair* x, const Pair* rows, int64_t step,
                                 float* to) {
  __m512 sum[R][W];
#pragma GCC unroll 8
  for (int64_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int64_t w = 0; w < W; ++w) sum[r][w] = _mm512_loadu_ps(to + r * step + w * kLanes);
  }
  const __m512i all = _mm512_set1_epi32(-1), first = _mm512_set1_epi32(0xffff);
  for (int64_t k = 0; k < n; k += 2) {
    const __m512i kept = k + 1 < n ? all : first;
    __m512i v[W];
#pragma GCC unroll 4
    for (int64_t w = 0; w < W; ++w) {
      v[w] = _mm512_and_si512(load(rows + k / 2 * step + w * kLanes), kept);
    }
#pragma GCC unroll 8
    for (int64_t r = 0; r < R; ++r) {
      const Pair p = x[k / 2 * kLanes + r];
#pragma GCC unroll 4
      for (int64_t w = 0; w < W; ++w) sum[r][w] = dot(sum[r][w], p, v[w]);
    }
  }
#pragma GCC unroll 8
  for (int64_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int64_t w = 0; w < W; ++w) _mm512_storeu_ps(to + r * step + w * kLanes, sum[r][w]);
  }
}

// y = factor y + sum_j p_j v_j for the queries that see keys of the block.
SUAN_BF16 void add_block(const ForwardBlock& b, const float* factor) {
  constexpr int64_t kQueries = 4, kWide = 4 * kLanes;
  const Scores& s = b.scores;
  for (int64_t i = 0; i < s.queries; i += kQueries) {
    float* y = b.y + i * b.y_step;
    const auto limit = static_cast<int64_t>(s.limits[i + kQueries - 1]);
    const int64_t n = std::clamp<int64_t>(limit - s.first, 0, s.n);
    for (int64_t r = 0; !b.starts && r < kQueries; ++r) {
      const __m512 f = _mm512_set1_ps(factor[i + r]);
      for (int64_t c = r * b.y_step; c < (r + 1) * b.y_step; c += kLanes) {
        _mm512_storeu_ps(y + c, _mm512_mul_ps(_mm512_loadu_ps(y + c), f));
      }
    }
    int64_t c = 0;
    for (; c + kWide <= b.y_step; c += kWide) {
      add_values<kQueries, 4>(n, b.weights + i, b.v + c, b.y_step, y + c);
    }
    for (; c < b.y_step; c += kLanes) {
      add_values<kQueries, 1>(n, b.weights + i, b.v + c, b.y_step, y + c);
    }
  }
}

// to[r][c] += sum over pairs of queries of x[r][pair] rows[pair][c]; whole blocks of keys.
SUAN_BF16 void add_queries(const Number* x, int64_t keys, const Pair* rows, int64_t width,
                           float* to) {
  const auto* pairs = reinterpret_cast<const Pair*>(x);
  for (int64_t j = 0; j < keys; j += kRows) {
    for (int64_t c = 0; c < width; c += kLanes) {
      add_products<kRows>(kLanes / 2, pairs + j * kLanes / 2, kLanes / 2, 1, rows + c, width,
                          to + j * width + c, width);
    }
  }
}

SUAN_BF16 inline __m512i narrowed(__m512 x) {  // bf16 in the low halves of 32-bit lanes
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
}
SUAN_BF16 inline void store_pair(__m512 first, __m512 second, Pair* to) {
  _mm512_storeu_si512(to,
                      _mm512_or_si512(narrowed(first), _mm512_slli_epi32(narrowed(second), 16)));
}

// What the mask adds to the scores of key j: attention-inl.h.
SUAN_BF16 inline __m512 mask_numbers(const Scores& s, int64_t j) {
  const int64_t first = j * s.mask.key_step, step = s.mask.query_step;
  const int64_t count = step == 0 ? 1 : s.queries;
  alignas(64) float more[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) more[i] = s.mask.at(first + i * step);
  const __m512 m = step == 0 ? _mm512_set1_ps(more[0]) : _mm512_load_ps(more);
  const __mmask16 hidden = _mm512_cmp_ps_mask(m, _mm512_set1_ps(-HUGE_VALF), _CMP_EQ_OQ);
  const __m512 scaled = _mm512_max_ps(_mm512_set1_ps(-FLT_MAX),  // keeps NaN
                                      _mm512_mul_ps(m, _mm512_set1_ps(kLog2E)));
  return _mm512_mask_mov_ps(scaled, hidden, m);
}

// The score of key j as scale and masks leave it: -inf where a query does not see it.
SUAN_BF16 inline __m512 masked(const Scores& s, __m512 product, int64_t j) {
  __m512 score = _mm512_mul_ps(product, _mm512_set1_ps(s.scale));
  if (s.mask) score = _mm512_add_ps(score, mask_numbers(s, j));
  if (j < s.sure) return score;
  const __mmask16 seen = _mm512_cmp_ps_mask(_mm512_set1_ps(static_cast<float>(j)),
                                            _mm512_loadu_ps(s.limits), _CMP_LT_OQ);
  return _mm512_mask_mov_ps(_mm512_set1_ps(-HUGE_VALF), seen, score);
}

// Scores of all keys of the block, and the larger of their maxima and `top`.
SUAN_BF16 __m512 score_block(const Scores& s, float* values, __m512 top) {
  for (int64_t r0 = 0; r0 < s.n; r0 += kRows) {
    const int64_t rows = std::min(kRows, s.n - r0);
    __m512 sums[kRows];
    row_products(s.k + r0 * s.k_step, s.k_step, rows, s.d / 2, s.q, sums);
    for (int64_t r = 0; r < rows; ++r) {
      const __m512 score = masked(s, sums[r], s.first + r0 + r);
      _mm512_storeu_ps(values + (r0 + r) * kLanes, score);
      top = _mm512_max_ps(top, score);
    }
  }
  return top;
}

// Weights p = 2^(score - total) and e = p (g v^T - delta) of all keys; rows up to a whole block are
// zero.
SUAN_BF16 void weigh(const GradientBlock& b) {
  const __m512 total = _mm512_loadu_ps(b.total), delta = _mm512_loadu_ps(b.delta);
  const Scores& s = b.scores;
  for (int64_t r0 = 0; r0 < s.n; r0 += kRows) {
    const int64_t rows = std::min(kRows, s.n - r0);
    __m512 score[kRows], gp[kRows], e[kRows];
    row_products(s.k + r0 * s.k_step, s.k_step, rows, s.d / 2, s.q, score);
    row_products(b.v + r0 * b.v_step, b.v_step, rows, b.d_v / 2, b.g, gp);
    for (int64_t r = 0; r < kRows; ++r) {
      __m512 p = _mm512_setzero_ps();
      if (r < rows) p = exp2_of(_mm512_sub_ps(masked(s, score[r], s.first + r0 + r), total));
      e[r] = _mm512_mul_ps(p, _mm512_sub_ps(gp[r], delta));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(b.p + (r0 + r) * kLanes),
                          (__m256i)_mm512_cvtneps_pbh(p));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(b.e + (r0 + r) * kLanes),
                          (__m256i)_mm512_cvtneps_pbh(e[r]));
    }
    for (int64_t r = 0; r < kRows; r += 2) {
      store_pair(e[r], e[r + 1], b.e_pairs + (r0 + r) / 2 * kLanes);
    }
  }
}

}  // namespace

const char* why_not(const Node& node, int64_t lanes) {
  if (node.inputs[0].dtype() != DType::bf16) return "the dtype is not bf16";
  if (!has_avx512_bf16() || lanes != kLanes) return "it needs AVX-512 BF16";
  const bool odd = node.inputs[1].shape().back() % 2 != 0 || node.inputs[2].shape().back() % 2 != 0;
  return odd ? "a head has an odd number of channels" : nullptr;
}

void pair_rows(const Number* rows, int64_t step, int64_t count, int64_t width, Pair* to,
               int64_t to_width) {
  for (int64_t i = 0; i < count; i += 2, to += to_width) {
    const Number* first = rows + i * step;
    const Number* second = first + step;
    if (i + 1 < count) {
      for (int64_t c = 0; c < width; ++c) {
        to[c] = first[c] | static_cast<Pair>(second[c]) << 16;
      }
    } else {
      for (int64_t c = 0; c < width; ++c) to[c] = first[c];
    }
    std::fill(to + width, to + to_width, Pair{0});
  }
}

void turn_rows(const Number* rows, int64_t step, int64_t count, int64_t width, Pair* to) {
  if (count < kLanes) std::fill_n(to, width / 2 * kLanes, Pair{0});
  for (int64_t c = 0; c < width / 2; ++c) {
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(to + c * kLanes + i, rows + i * step + 2 * c, sizeof(Pair));
    }
  }
}

SUAN_BF16 void attend(const ForwardBlock& b) {
  const __m512 before = _mm512_loadu_ps(b.top), top = score_block(b.scores, b.values, before);
  const __m512 lowest = _mm512_set1_ps(-HUGE_VALF);
  const __mmask16 any = _mm512_cmp_ps_mask(top, lowest, _CMP_NEQ_OQ);
  const __m512 shift = _mm512_maskz_mov_ps(any, top);
  const __m512 factor = exp2_of(_mm512_sub_ps(before, shift));
  __m512 total = _mm512_mul_ps(_mm512_loadu_ps(b.total), factor);
  for (int64_t j = 0; j < b.scores.n; j += 2) {
    const float* values = b.values + j * kLanes;
    const __m512 first = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(values), shift));
    __m512 second = _mm512_setzero_ps();
    if (j + 1 < b.scores.n) {
      second = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(values + kLanes), shift));
    }
    store_pair(first, second, b.weights + j / 2 * kLanes);
    total = _mm512_add_ps(total, _mm512_add_ps(first, second));
  }
  alignas(64) float factors[kLanes];
  _mm512_store_ps(factors, factor);
  add_block(b, factors);
  _mm512_storeu_ps(b.top, top);
  _mm512_storeu_ps(b.total, total);
}

void add_gradients(const GradientBlock& b) {
  weigh(b);
  const int64_t n = b.scores.n;
  add_queries(b.p, n, b.g_rows, b.v_padded, b.gv);
  add_queries(b.e, n, b.q_rows, b.d_padded, b.gk);
  add_channels(b.k_pairs, n, b.scores.d, b.e_pairs, b.gq);
}

}  // namespace suan::cpu::bf16
