// Arguments of the kernels in scatter.cu. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/divider.h"

namespace suan::cuda {

constexpr uint32_t kRunPiece = 64;  // sorted updates that one thread combines

// Of suan::Combine, but for `set`, which has kernels of its own.
enum class Combining : int32_t { add, mul, max, min };

// y [outer, size, inner], updates [outer, count, inner]: update j goes to row keys[j], or nowhere
// where that is `none`. Sizes count pieces of several elements where those move at once.
struct ScatterParams {
  void* y;
  const void* updates;
  const uint32_t *keys, *order;  // sorted, and which update each is; no order: as they lie
  void* partial;                 // [2 * pieces, outer, inner] sums of parts of runs
  uint64_t threads;
  Divider inner, outer;
  int64_t size;
  uint32_t count, none;
  Combining combining;
  int32_t fresh;  // the rows do not meet what was in y
};

}  // namespace suan::cuda
