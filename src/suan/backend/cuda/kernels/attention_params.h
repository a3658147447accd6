// The arguments of the attention kernels. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

// Where row `r` of head `h` of sample `b` lies: b batch + h head + r row, in elements.
struct RowsOf {
  int64_t batch, head, row;
};

// Where element [b, h, i, j] of what broadcasts to the scores lies; 0 along what repeats.
struct ScoresOf {
  int64_t batch, head, query, key;
};

struct AttentionParams {
  const void *q, *k, *v;
  void* y;           // forward
  float* logsumexp;  // [b, h, t]
  const void *y_in, *g;
  const float* g_logsumexp;  // null: none
  float* delta;              // [b, h, t]: <g, y> - g_logsumexp
  void *gq, *gk, *gv;
  RowsOf of_q, of_k, of_v, of_y;  // gradients and g lie as what they belong to
  const void* mask;               // forward: f32 to be added, or bool; null: none
  ScoresOf of_mask;
  int32_t mask_is_bool;
  int32_t h, h_kv, t, s;
  int32_t causal;  // query i sees keys j <= i + s - t
  float scale;
};

}  // namespace suan::cuda
