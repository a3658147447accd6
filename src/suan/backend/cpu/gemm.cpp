// Tiles of 6 rows by 64 columns in registers: 24 sums, 4 vectors of b and one number of a.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/gemm.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/gemm.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// Rows and vectors of sums held in registers at once: 24 of 32, or 12 of 16.
constexpr size_t kRows = 6;
constexpr size_t kWide = hn::MaxLanes(D()) == 16 ? 4 : 2;

// Where vector w of a row's columns from `column` on lies.
HWY_INLINE size_t column_at(const GemmBlock& g, size_t column) {
  return column / 16 * static_cast<size_t>(g.c_block) + column % 16;
}

// Asks for what is read and written after the block, in the tile's rows.
template <bool kWrite>
HWY_INLINE void ask_for(const GemmBlock& g, const float* y, size_t row, size_t rows) {
  for (size_t r = row; r < row + rows; ++r) {
    for (int64_t n = 0; n < g.columns; n += 16) {
      __builtin_prefetch(y + static_cast<int64_t>(r) * g.y_step + n / 16 * g.y_block, kWrite, 2);
    }
  }
}

template <size_t R, size_t W>
HWY_INLINE void gemm_tile(const GemmBlock& g, size_t row, size_t column, size_t lines) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const float* b = g.b + column;
  const float* next = g.next + row / kRows * lines * static_cast<size_t>(g.slice_count) * 16;
  float* c = g.c + row * static_cast<size_t>(g.c_step);
  if (column == 0 && g.read) ask_for<false>(g, g.read, row, R);
  if (column == 0 && g.written) ask_for<true>(g, g.written, row, R);
  size_t at[W];
  Vec sum[R][W];
#pragma GCC unroll 4
  for (size_t w = 0; w < W; ++w) at[w] = column_at(g, column + w * lanes);
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) {
      const float* from = c + r * static_cast<size_t>(g.c_step) + at[w];
      if (!g.starts) sum[r][w] = hn::Load(d, from);
      else sum[r][w] = g.start ? hn::Load(d, g.start + column + w * lanes) : hn::Zero(d);
    }
  }
  for (int64_t s = 0; s < g.slice_count; ++s) {
    for (size_t i = 0; i < lines; ++i, next += 16) __builtin_prefetch(next, 0, 2);
    const float *a[R], *slice = g.a + g.slices[s].at;
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) a[r] = slice + g.rows_at[row + r];
    if (row + 2 * R <= static_cast<size_t>(g.rows)) {  // the next tile's rows
#pragma GCC unroll 16
      for (size_t r = 0; r < R; ++r) __builtin_prefetch(slice + g.rows_at[row + R + r], 0, 3);
    }
    const auto count = static_cast<size_t>(g.slices[s].count);
    for (size_t k = 0; k < count; ++k, b += kPanel) {
      Vec v[W];
#pragma GCC unroll 4
      for (size_t w = 0; w < W; ++w) v[w] = hn::Load(d, b + w * lanes);
#pragma GCC unroll 16
      for (size_t r = 0; r < R; ++r) {
        const Vec x = hn::Set(d, a[r][k]);
#pragma GCC unroll 4
        for (size_t w = 0; w < W; ++w) sum[r][w] = hn::MulAdd(x, v[w], sum[r][w]);
      }
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t w = 0; w < W; ++w) {
      hn::Store(sum[r][w], d, c + r * static_cast<size_t>(g.c_step) + at[w]);
    }
  }
}

template <size_t W>
HWY_INLINE void gemm_columns(const GemmBlock& g, size_t column, size_t lines) {
  const auto rows = static_cast<size_t>(g.rows);
  size_t row = 0;
  for (; row + kRows <= rows; row += kRows) gemm_tile<kRows, W>(g, row, column, lines);
  const size_t rest = rows - row;
  if (rest == 1) gemm_tile<1, W>(g, row, column, 0);
  if (rest == 2) gemm_tile<2, W>(g, row, column, 0);
  if (rest == 3) gemm_tile<3, W>(g, row, column, 0);
  if (rest == 4) gemm_tile<4, W>(g, row, column, 0);
  if (rest == 5) gemm_tile<5, W>(g, row, column, 0);
}

void run_gemm_block(const GemmBlock& g) {
  const size_t lanes = hn::Lanes(D()), wide = lanes * kWide;
  const auto columns = static_cast<size_t>(g.columns), rows = static_cast<size_t>(g.rows);
  const size_t tiles = std::max<size_t>(1, rows / kRows);
  const size_t lines = g.next ? (size_t{kPanel} + tiles - 1) / tiles : 0;
  size_t column = 0;
  for (; column + wide <= columns; column += wide) {
    gemm_columns<kWide>(g, column, column == 0 ? lines : 0);
  }
  for (; kWide == 4 && column + 2 * lanes <= columns; column += 2 * lanes) {
    gemm_columns<2>(g, column, column == 0 ? lines : 0);
  }
  for (; column < columns; column += lanes) gemm_columns<1>(g, column, column == 0 ? lines : 0);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {

HWY_EXPORT(run_gemm_block);
void gemm_block(const GemmBlock& block) { HWY_DYNAMIC_DISPATCH(run_gemm_block)(block); }

}  // namespace suan::cpu
#endif
