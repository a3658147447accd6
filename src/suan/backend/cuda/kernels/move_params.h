// Arguments of the kernels in move.cu. Sizes and strides count pieces: an element, or as many as
// move at once. Dims are innermost first. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"

namespace suan::cuda {

constexpr int kMoveRank = 8;

// to[sum i_d to_d] = from[sum i_d from_d] for all i.
struct CopyDim {
  Divider size;
  int64_t from, to;
};
struct CopyParams {
  const void* from;
  void* to;
  uint64_t count;
  int32_t rank, unused;
  CopyDim dims[kMoveRank];
};

// Matrices that turn: to[r rows_to + l] = from[l line_from + r], for each index of the dims.
struct TilesParams {
  const void* from;
  void* to;
  int64_t rows, line, rows_to, line_from;
  uint64_t tiles;
  Divider row_tiles, line_tiles;
  int32_t rank;
  int32_t packed_from, packed_to;  // whether 4 bytes can be read and written at once
  int32_t unused;
  CopyDim dims[kMoveRank];
};

// The result in its own order; an element along a dim comes from (i - begin) / step where that is
// whole and below `count`, else it is `fill`.
struct PadDim {
  Divider size, step;
  int64_t begin, count, from;
};
struct PadParams {
  const void* from;
  void* to;
  uint64_t count;
  int32_t rank, unused;
  PadDim dims[kMoveRank];
  alignas(16) unsigned char fill[16];  // one piece
};

// 16 bytes again and again, the last time as many as are left.
struct SplatParams {
  void* to;
  uint64_t bytes;
  alignas(16) unsigned char fill[16];
};

}  // namespace suan::cuda
