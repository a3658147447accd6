// A tile of rows by panels keeps the sums of all digits in registers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/weight_only_kernel.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>

#ifndef __clang__
// False in g++ 12's intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni")
#endif
#define SUAN_INLINE inline __attribute__((always_inline))

namespace suan::cpu {
namespace {

// Numbers of a segment from `i` on; behind its end, zeros.
SUAN_INLINE __m512 load_part(const float* x, int64_t i, int64_t count) {
  const int64_t left = std::min<int64_t>(count - i, 16);
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << left) - 1), x + i);
}

// The exponent of the largest number of a segment as IEEE stores it; 255: it is not finite. At
// least what a unit can be written for.
int exponent_of(const float* x, int64_t count) {
  constexpr int kLeast = 30;
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  __m512i most = _mm512_setzero_si512();
  for (int64_t i = 0; i < count; i += 16) {
    const __m512i bits = _mm512_castps_si512(load_part(x, i, count));
    most = _mm512_max_epi32(most, _mm512_and_si512(bits, magnitude));
  }
  return std::max(_mm512_reduce_max_epi32(most) >> 23, kLeast);
}

float power_of_two(int stored_exponent) {
  return std::bit_cast<float>(static_cast<uint32_t>(stored_exponent) << 23);
}

struct DigitOrder {
  __m512i places;  // of 16 numbers: in groups of four
  __m512i bytes;   // of four numbers: digit by digit
};
SUAN_INLINE DigitOrder order_of(const WeightFormat& format) {
  const __m512i in_turn = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i apart = _mm512_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
  return {
      format.bits == 4 ? apart : in_turn,
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15))};
}

// Minus the sum of each digit.
SUAN_INLINE __m128i minus_sums(__m512i sums) {
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
  const __m128i all =
      _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  return _mm_sub_epi32(_mm_setzero_si128(), all);
}

SUAN_INLINE __m512i spread(const void* number) {
  return _mm512_set1_epi32(*static_cast<const int*>(number));
}

struct Tile {
  const WeightPanels& w;
  const WeightSegment* segments;
  int64_t segment_count;
  int offset;
  bool has_sign;
  const uint32_t* digits;  // of the first row
  const float* units;
  const int32_t* starts;
  int64_t step;
  float* c;
  int64_t c_step;
};

template <int R, int W>
using Sums = __m512i[R][W][kDigits];

template <int R, int W>
SUAN_INLINE void begin_sums(const Tile& t, int64_t s, int64_t panel, Sums<R, W>& sums) {
  const int32_t* starts = t.starts + s * kDigits;
#pragma GCC unroll 4
  for (int w = 0; w < W; ++w) {
    __m512i zeros = _mm512_setzero_si512();
    if (t.w.zeros) {
      const uint8_t* from = t.w.zeros + ((panel + w) * t.w.blocks + t.segments[s].block) * kColumns;
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      const __m512i wide = t.has_sign ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
      zeros = _mm512_add_epi32(wide, _mm512_set1_epi32(t.offset));
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int d = 0; d < kDigits; ++d) {
        const __m512i start = spread(starts + r * t.segment_count * kDigits + d);
        sums[r][w][d] =
            t.w.zeros ? _mm512_dpwssd_epi32(_mm512_setzero_si512(), zeros, start) : start;
      }
    }
  }
}

// sum += weights times the four bytes at x, which g++ 12 would keep in registers that it has not.
SUAN_INLINE void multiply_add(__m512i& sum, __m512i weights, const uint32_t& x) {
  __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(weights), "m"(x));
}

// One group of four digits a number: weights of four rows by 16 columns.
template <int R, int W>
SUAN_INLINE void add_products(const uint32_t* x, int64_t step, const __m512i (&weights)[W],
                              Sums<R, W>& sums) {
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int d = 0; d < kDigits; ++d) {
#pragma GCC unroll 4
      for (int w = 0; w < W; ++w) multiply_add(sums[r][w][d], weights[w], x[r * step + d]);
    }
  }
}

// c += the sums in floats, times the scales.
template <int R, int W>
SUAN_INLINE void add_up(const Tile& t, int64_t s, int64_t panel, Sums<R, W>& sums) {
#pragma GCC unroll 4
  for (int w = 0; w < W; ++w) {
    const __m512 scales =
        _mm512_loadu_ps(t.w.scales + ((panel + w) * t.w.blocks + t.segments[s].block) * kColumns);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const __m512i* d = sums[r][w];
      const __m512 low = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(d[1], 8), d[0]));
      const __m512 high = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(d[3], 8), d[2]));
      const __m512 sum = _mm512_fmadd_ps(high, _mm512_set1_ps(65536), low);
      const __m512 unit = _mm512_set1_ps(t.units[r * t.segment_count + s]);
      float* c = t.c + r * t.c_step + (panel + w) * kColumns;
      _mm512_storeu_ps(c, _mm512_fmadd_ps(sum, _mm512_mul_ps(scales, unit), _mm512_loadu_ps(c)));
    }
  }
}

// Bytes that are asked for before they are wanted, where weights are read once: one panel after the
// other, as memory likes it best.
constexpr int64_t kAhead = 4096;

template <int kBits, int R, int W>
SUAN_INLINE void multiply_panels(const Tile& t, int64_t panel) {
  constexpr int64_t kBytes = 64 * kBits / 4;  // of kDepth rows of a panel
  const uint8_t* from = t.w.weights + panel * t.w.panel_bytes;
  const __m512i mask = _mm512_set1_epi8(15);
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(t.has_sign ? 0x80 : 0));
  for (int64_t s = 0; s < t.segment_count; ++s) {
    // Of a single row the second sums are apart: a chain of them would wait for each other.
    constexpr bool kApart = R == 1 && W == 1;
    Sums<R, W> sums, more;
    begin_sums<R, W>(t, s, panel, sums);
    if constexpr (kApart) {
#pragma GCC unroll 4
      for (int d = 0; d < kDigits; ++d) more[0][0][d] = _mm512_setzero_si512();
    }
    const uint32_t* x = t.digits + t.segments[s].k;
    const int64_t groups = (t.segments[s].count + kDepth - 1) / kDepth;
    for (int64_t g = 0; g < groups; ++g, x += 2 * kDigits, from += kBytes) {
      __m512i first[W], second[W];
#pragma GCC unroll 4
      for (int w = 0; w < W; ++w) {
        const uint8_t* at = from + w * t.w.panel_bytes;
        if (W == 1) _mm_prefetch(reinterpret_cast<const char*>(at + kAhead), _MM_HINT_T0);
        const __m512i v = _mm512_loadu_si512(at);
        if constexpr (kBits == 4) {
          first[w] = _mm512_and_si512(v, mask);
          second[w] = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
        } else {
          first[w] = _mm512_xor_si512(v, flip);
          second[w] = _mm512_xor_si512(_mm512_loadu_si512(at + 64), flip);
        }
      }
      add_products<R, W>(x, t.step, first, sums);
      if constexpr (kApart) {
        add_products<R, W>(x + kDigits, t.step, second, more);
      } else {
        add_products<R, W>(x + kDigits, t.step, second, sums);
      }
    }
    if constexpr (kApart) {
#pragma GCC unroll 4
      for (int d = 0; d < kDigits; ++d) {
        sums[0][0][d] = _mm512_add_epi32(sums[0][0][d], more[0][0][d]);
      }
    }
    add_up<R, W>(t, s, panel, sums);
  }
}

template <int kBits, int R, int W>
void multiply_rows(const Tile& t, int64_t panels) {
  for (int r = 0; r < R; ++r) std::fill_n(t.c + r * t.c_step, panels * kColumns, 0.0F);
  int64_t panel = 0;
  for (; panel + W <= panels; panel += W) multiply_panels<kBits, R, W>(t, panel);
  for (; panel < panels; ++panel) multiply_panels<kBits, R, 1>(t, panel);
}

template <int kBits>
void multiply_tile(const Tile& t, int64_t rows, int64_t panels) {
  if (rows == 1) return multiply_rows<kBits, 1, 1>(t, panels);
  if (rows == 2) return multiply_rows<kBits, 2, 1>(t, panels);
  multiply_rows<kBits, 3, 2>(t, panels);
}

}  // namespace

// Sixteen numbers are written at once, from the last segment's end on at most.
int64_t digit_step(int64_t k) { return (k + kDepth - 1) / kDepth * kDepth + kDepth; }

void to_digits(const float* x, const WeightSegment* segments, const WeightFormat& format,
               bool has_zeros, const DigitRows& out, int64_t row) {
  constexpr int kNotFinite = 255, kBias = 127, kTop = 29;  // the largest lies in [2^29, 2^30)
  const DigitOrder order = order_of(format);
  const __m512i carry = _mm512_set1_epi32(0x00808080), ones = _mm512_set1_epi8(1);
  const __m128i factor = _mm_set1_epi32(has_zeros ? 1 : format.offset());
  for (int64_t s = 0; s < out.segments; ++s) {
    const WeightSegment& segment = segments[s];
    const float* from = x + segment.k;
    const int exponent = exponent_of(from, segment.count);
    const bool finite = exponent < kNotFinite;
    const __m512 scale = _mm512_set1_ps(finite ? power_of_two(kTop + 2 * kBias - exponent) : 0);
    uint32_t* to = out.digits + row * out.step + segment.k;
    __m512i sums = _mm512_setzero_si512();
    for (int64_t i = 0; i < segment.count; i += 16) {
      const __m512 v = load_part(from, i, segment.count);
      const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(v, scale));
      const __m512i digits = _mm512_xor_si512(_mm512_add_epi32(whole, carry), carry);
      const __m512i ordered =
          _mm512_shuffle_epi8(_mm512_permutexvar_epi32(order.places, digits), order.bytes);
      _mm512_storeu_si512(to + i, ordered);
      sums = _mm512_dpbusd_epi32(sums, ones, ordered);
    }
    const int64_t at = row * out.segments + s;
    out.units[at] =
        finite ? power_of_two(exponent - kTop) : std::numeric_limits<float>::quiet_NaN();
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out.starts + at * kDigits),
                     _mm_mullo_epi32(minus_sums(sums), factor));
  }
}

void multiply_digits(const DigitRows& x, int64_t row, int64_t rows, const WeightPanels& w,
                     int64_t panels, const WeightSegment* segments, const WeightFormat& format,
                     float* c, int64_t c_step) {
  const int64_t first = row * x.segments;
  const Tile tile{.w = w,
                  .segments = segments,
                  .segment_count = x.segments,
                  .offset = format.offset(),
                  .has_sign = format.has_sign,
                  .digits = x.digits + row * x.step,
                  .units = x.units + first,
                  .starts = x.starts + first * kDigits,
                  .step = x.step,
                  .c = c,
                  .c_step = c_step};
  format.bits == 4 ? multiply_tile<4>(tile, rows, panels) : multiply_tile<8>(tile, rows, panels);
}

}  // namespace suan::cpu
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
