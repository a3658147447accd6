// Tile functions: each elementwise row over a short run of floats in the L1 cache, and conversions.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

#include "suan/graph/op_def.h"

namespace suan::cpu {

// y[i] = row(a[i], b[i], c[i]) for i < n. An operand named in the variant's mask is one number at
// [0].
using TileFunction = void (*)(const float* a, const float* b, const float* c, float* y, size_t n);
// Bit k of `scalars` set: operand k is one number. Null where a row has no such variant; every row
// of one operand has variant 0, of two 0, 1 and 2, and select 0, 2, 4 and 6.
TileFunction find_tile_function(Op op, unsigned scalars);

// Conversion between storage of a dtype and floats; n elements.
using LoadFunction = void (*)(const void* from, float* to, size_t n);
using StoreFunction = void (*)(const float* from, void* to, size_t n);
LoadFunction find_load_function(DType dtype);    // null: this dtype has no exact float form
StoreFunction find_store_function(DType dtype);  // null for f32 itself and what cannot be stored

}  // namespace suan::cpu
