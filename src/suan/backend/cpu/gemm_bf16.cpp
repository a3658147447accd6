// AVX-512 BF16 by intrinsics: one step of depth is a pair of numbers.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstring>

#include "suan/backend/cpu/gemm.h"

#ifndef __clang__
// False in g++ 12's intrinsics (PR 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512bf16")
#endif
#define SUAN_GEMM_NAMESPACE bf16
#include "suan/backend/cpu/gemm-inl.h"
namespace suan::cpu::bf16 {

struct Pairs {
  using Vector = __m512;
  using Number = uint16_t;
  static constexpr size_t kDepth = 2;
  static constexpr size_t kWide = 4;
  static size_t lanes() { return 16; }
  static inline __m512 zero() { return _mm512_setzero_ps(); }
  static inline __m512 load(const float* p) { return _mm512_load_ps(p); }
  static inline void store(__m512 v, float* p) { _mm512_store_ps(p, v); }
  static inline __m512 spread(const uint16_t* a) {
    int pair;
    std::memcpy(&pair, a, sizeof pair);
    return (__m512)_mm512_set1_epi32(pair);
  }
  static inline __m512 load_numbers(const uint16_t* p) {
    const __m256i numbers = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16);
  }
  static inline void store_numbers(__m512 v, uint16_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), (__m256i)_mm512_cvtneps_pbh(v));
  }
  static inline __m512 add(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }
  // Its second operand wins where it is NaN.
  static inline __m512 relu(__m512 v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }
  static inline __m512 multiply_add(__m512 x, __m512 v, __m512 sum) {
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)v);
  }
};

}  // namespace suan::cpu::bf16
namespace suan::cpu {

void gemm_block_bf16(const GemmBlock& block) { bf16::run_block<bf16::Pairs>(block); }

}  // namespace suan::cpu
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
