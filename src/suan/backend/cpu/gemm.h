// The inner product of panels: Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication" (2008), for weights that are packed once. A block of one panel stays in the L1
// cache while all rows pass over it, and asks for the next block meanwhile.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace suan::cpu {

constexpr int64_t kPanel = 64;             // columns that lie together
constexpr int64_t kSlice = 16;             // of a row, at most, that lie together
constexpr int64_t kBlockBytes = 32 << 10;  // of a panel, at most, that are one block

// Part of every row: `count` numbers at offset `at` from the row's own.
struct GemmSlice {
  int64_t at, count;
};

// c += a b for one block of a panel: c[r][n] += sum_k a[r][k] b[k][n]. Row r of a is the slices at
// a + rows_at[r]; column n of row r of c lies at r c_step + n / 16 c_block + n % 16.
struct GemmBlock {
  const void* a;  // f32 or bf16
  const int64_t* rows_at;
  const GemmSlice* slices;
  int64_t slice_count;
  const float* b;  // [k][kPanel]; bf16: [k / 2][kPanel] pairs. 64-byte aligned, as c and start are
  float* c;
  int64_t c_step, c_block;
  int64_t rows, columns;  // columns in whole sixteens
  bool starts;            // c = start + a b, for the same numbers in all rows; null: zeros
  const float* start;
  const float* next;  // a block as large as b that is wanted next; null: none
  // Of the last block: where the result y will be written and what is added to it, both of a's
  // dtype, row r and column n at r y_step + n / 16 y_block + n % 16. Null: nothing.
  void* y;
  const void* more;
  int64_t y_step, y_block;
  bool ends;  // y = c + more is written instead of c, and where it is negative and `relu`, 0
  bool relu;
};
void gemm_block(const GemmBlock& block);
// The same on bf16, summed in f32; slices have even counts. Needs AVX-512 BF16.
void gemm_block_bf16(const GemmBlock& block);

}  // namespace suan::cpu
