// The products inside attention on bf16 operands: two multiply-adds a lane and instruction. Vector
// lanes are 16 queries, as in attention-inl.h; what is summed over comes in pairs, one 32-bit word
// for the two of them. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "suan/backend/cpu/attention.h"

namespace suan::cpu::bf16 {

constexpr int64_t kLanes = 16;
using Pair = uint32_t;    // two bf16 numbers, the first in the low half
using Number = uint16_t;  // one

// Why a node's operands or this processor do not fit; null: they do. `lanes` are those of the
// vector code that shares the work.
const char* why_not(const Node& node, int64_t lanes);
inline Pair* pairs_in(float* scratch) { return reinterpret_cast<Pair*>(scratch); }

// to[i / 2][c] = rows i and i + 1 at channel c, for i < count; rows that do not exist are zero, and
// so are channels from `width` to `to_width`.
void pair_rows(const Number* rows, int64_t step, int64_t count, int64_t width, Pair* to,
               int64_t to_width);
// to[c / 2][i] = channels c and c + 1 of row i < count; lanes beyond are zero.
void turn_rows(const Number* rows, int64_t step, int64_t count, int64_t width, Pair* to);

// What the scores of a tile of queries against n keys need.
struct Scores {
  const Number* k;  // of the first key
  int64_t k_step, d;
  const Pair* q;        // [d / 2][lanes]
  float scale;          // times log2(e)
  const float* limits;  // how many keys each query sees
  int64_t first, n;     // the first key's number, and how many
  int64_t sure;         // keys below this are seen by all
  int64_t queries;
  MaskTile mask;
};

// A block of keys of the forward pass: y = factor y + sum_j p_j v_j with a running maximum.
struct ForwardBlock {
  Scores scores;
  const Pair* v;   // [n / 2][y_step], of the block's first key
  bool starts;     // nothing before it
  float* values;   // scratch: [n][lanes]
  Pair* weights;   // scratch: [n / 2][lanes]
  float* y;        // [lanes][y_step]
  int64_t y_step;  // a multiple of the lanes
  float *top, *total;
};
void attend(const ForwardBlock& block);

// A block of keys of the gradient.
struct GradientBlock {
  Scores scores;
  const Number* v;
  int64_t v_step, d_v;
  const Pair* g;                // [d_v / 2][lanes]
  const Pair* k_pairs;          // [n / 2][d]
  const Pair *q_rows, *g_rows;  // [lanes / 2][d_padded], [lanes / 2][v_padded]
  int64_t d_padded, v_padded;
  const float *total, *delta;  // of each query
  Number *p, *e;               // scratch: [n rounded up to 8][lanes]
  Pair* e_pairs;               // scratch: [n / 2 rounded up to 4][lanes]
  float* gq;                   // [d][lanes], added to
  float *gk, *gv;              // [n rounded up to 8][d_padded], [..][v_padded], added to
};
void add_gradients(const GradientBlock& block);

}  // namespace suan::cpu::bf16
