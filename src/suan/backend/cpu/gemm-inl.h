// Tiles of rows by columns in registers: all sums, one row of vectors of b, one number of a. The
// includer sets the instruction set and SUAN_GEMM_NAMESPACE, and passes as P what a vector is and
// how one step of depth is multiplied. SPDX-License-Identifier: Apache-2.0
#if defined(SUAN_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SUAN_GEMM_INL_H_
#undef SUAN_GEMM_INL_H_
#else
#define SUAN_GEMM_INL_H_
#endif

#include <algorithm>

#include "suan/backend/cpu/gemm.h"

namespace suan::cpu::SUAN_GEMM_NAMESPACE {

constexpr size_t kRows = 6;  // with kWide vectors: 24 of 32 registers, or 12 of 16

// Asks for what is read and written after the block, in the tile's rows.
template <class P, bool kWrite>
inline __attribute__((always_inline)) void ask_for(const GemmBlock& g, const void* y, size_t row,
                                                   size_t rows) {
  const auto* numbers = static_cast<const typename P::Number*>(y);
  for (size_t r = row; r < row + rows; ++r) {
    for (int64_t n = 0; n < g.columns; n += kSlice) {
      const int64_t at = static_cast<int64_t>(r) * g.y_step + n / kSlice * g.y_block;
      __builtin_prefetch(numbers + at, kWrite, 2);
    }
  }
}

template <class P, size_t R, size_t W>
inline __attribute__((always_inline)) void write_tile(const GemmBlock& g, size_t row, size_t column,
                                                      typename P::Vector (&sum)[R][W]) {
  using Number = typename P::Number;
  const auto* more = static_cast<const Number*>(g.more);
  auto* y = static_cast<Number*>(g.y);
#pragma GCC unroll 4
  for (size_t w = 0; w < W; ++w) {
    const size_t n = column + w * P::lanes();
    const size_t first = row * static_cast<size_t>(g.y_step) +
                         n / kSlice * static_cast<size_t>(g.y_block) + n % kSlice;
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) {
      const size_t at = first + r * static_cast<size_t>(g.y_step);
      typename P::Vector v = sum[r][w];
      if (more) v = P::add(v, P::load_numbers(more + at));
      if (g.relu) v = P::relu(v);
      P::store_numbers(v, y + at);
    }
  }
}

// The sums of the block's own products. Asks meanwhile for `lines` cache lines a slice of what
// comes next.
template <class P, size_t R, size_t W>
inline __attribute__((always_inline)) void multiply_tile(const GemmBlock& g, size_t row,
                                                         size_t column, size_t lines,
                                                         typename P::Vector (&sum)[R][W]) {
  using Vector = typename P::Vector;
  const float* b = g.b + column;
  const float* next = g.next + row / kRows * lines * static_cast<size_t>(g.slice_count) * 16;
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) sum[r][w] = P::zero();
  }
  for (int64_t s = 0; s < g.slice_count; ++s) {
    for (size_t i = 0; i < lines; ++i, next += 16) __builtin_prefetch(next, 0, 2);
    const auto* slice = static_cast<const typename P::Number*>(g.a) + g.slices[s].at;
    const typename P::Number* a[R];
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) a[r] = slice + g.rows_at[row + r];
    if (row + 2 * R <= static_cast<size_t>(g.rows)) {  // the next tile's rows
#pragma GCC unroll 16
      for (size_t r = 0; r < R; ++r) __builtin_prefetch(slice + g.rows_at[row + R + r], 0, 3);
    }
    const auto count = static_cast<size_t>(g.slices[s].count);
    for (size_t k = 0; k < count; k += P::kDepth, b += kPanel) {
      Vector v[W];
#pragma GCC unroll 4
      for (size_t w = 0; w < W; ++w) v[w] = P::load(b + w * P::lanes());
#pragma GCC unroll 16
      for (size_t r = 0; r < R; ++r) {
        const Vector x = P::spread(a[r] + k);
#pragma GCC unroll 4
        for (size_t w = 0; w < W; ++w) sum[r][w] = P::multiply_add(x, v[w], sum[r][w]);
      }
    }
  }
}

template <class P, size_t R, size_t W>
inline __attribute__((always_inline)) void gemm_tile(const GemmBlock& g, size_t row, size_t column,
                                                     size_t lines) {
  if (column == 0 && g.more) ask_for<P, false>(g, g.more, row, R);
  if (column == 0 && g.y) ask_for<P, true>(g, g.y, row, R);
  typename P::Vector sum[R][W];
  multiply_tile<P>(g, row, column, lines, sum);
  const auto c_step = static_cast<size_t>(g.c_step), c_block = static_cast<size_t>(g.c_block);
  // A block's own sums are short, so their rounding errors stay small.
  const bool adds = !g.starts || g.start;
#pragma GCC unroll 4
  for (size_t w = 0; w < W; ++w) {
    const size_t n = column + w * P::lanes();
    float* c = g.c + row * c_step + n / kSlice * c_block + n % kSlice;
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) {
      float* const at = c + r * c_step;
      if (adds) sum[r][w] = P::add(sum[r][w], P::load(g.starts ? g.start + n : at));
      if (!g.ends) P::store(sum[r][w], at);
    }
  }
  if (g.ends) write_tile<P>(g, row, column, sum);
}

template <class P, size_t W>
inline __attribute__((always_inline)) void gemm_columns(const GemmBlock& g, size_t column,
                                                        size_t lines) {
  const auto rows = static_cast<size_t>(g.rows);
  size_t row = 0;
  for (; row + kRows <= rows; row += kRows) gemm_tile<P, kRows, W>(g, row, column, lines);
  const size_t rest = rows - row;
  if (rest == 1) gemm_tile<P, 1, W>(g, row, column, 0);
  if (rest == 2) gemm_tile<P, 2, W>(g, row, column, 0);
  if (rest == 3) gemm_tile<P, 3, W>(g, row, column, 0);
  if (rest == 4) gemm_tile<P, 4, W>(g, row, column, 0);
  if (rest == 5) gemm_tile<P, 5, W>(g, row, column, 0);
}

template <class P>
inline __attribute__((always_inline)) void run_block(const GemmBlock& g) {
  const size_t lanes = P::lanes();
  const auto columns = static_cast<size_t>(g.columns), rows = static_cast<size_t>(g.rows);
  const size_t tiles = std::max<size_t>(1, rows / kRows);
  const size_t lines = g.next ? (size_t{kPanel} / P::kDepth + tiles - 1) / tiles : 0;
  size_t column = 0;
  for (; column + P::kWide * lanes <= columns; column += P::kWide * lanes) {
    gemm_columns<P, P::kWide>(g, column, column == 0 ? lines : 0);
  }
  for (; P::kWide == 4 && column + 2 * lanes <= columns; column += 2 * lanes) {
    gemm_columns<P, 2>(g, column, column == 0 ? lines : 0);
  }
  for (; column < columns; column += lanes) {
    gemm_columns<P, 1>(g, column, column == 0 ? lines : 0);
  }
}

}  // namespace suan::cpu::SUAN_GEMM_NAMESPACE

#endif
