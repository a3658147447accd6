// Attention by tiles: scores of a tile of queries never leave the caches.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cmath>

#include "suan/backend/cpu/tile.h"
#include "suan/backend/kernel.h"
#include "suan/ops/attention.h"

namespace suan::cpu {

const char* attention_why_not(const Node& node);
std::unique_ptr<Call> make_attention_call(const Node& node);
const char* attention_gradient_why_not(const Node& node);
std::unique_ptr<Call> make_attention_gradient_call(const Node& node);
// By bf16 dot products (attention_bf16.h): weights are rounded to bf16 before they are summed with,
// a relative error of 2^-9 in each.
const char* bf16_attention_why_not(const Node& node);
std::unique_ptr<Call> make_bf16_attention_call(const Node& node);
const char* bf16_attention_gradient_why_not(const Node& node);
std::unique_ptr<Call> make_bf16_attention_gradient_call(const Node& node);

// Where the rows of one head lie: row i at offset(b, head) + i step, in elements.
struct HeadRows {
  int64_t rows, heads, width;
  bool inside;
  LoadFunction load;    // null: f32
  StoreFunction store;  // null: f32
  size_t element;

  int64_t step() const { return inside ? heads * width : width; }
  int64_t offset(int64_t b, int64_t head) const {
    return inside ? (b * rows * heads + head) * width : (b * heads + head) * rows * width;
  }
  const float* floats(const Operand& x, int64_t b, int64_t head, int64_t first) const {
    return x.as<float>() + offset(b, head) + first * step();
  }
  const uint16_t* halves(const Operand& x, int64_t b, int64_t head, int64_t first) const {
    return x.as<uint16_t>() + offset(b, head) + first * step();
  }
  // `count` rows from row `first` on as floats, `to_step` apart.
  void read(const Operand& x, int64_t b, int64_t head, int64_t first, int64_t count, float* to,
            int64_t to_step) const;
  // Asks for rows [first, end) to be brought near; rows that do not exist are left out.
  void prefetch(const Operand& x, int64_t b, int64_t head, int64_t first, int64_t end) const;
  void write(const float* from, int64_t from_step, const Operand& y, int64_t b, int64_t head,
             int64_t first, int64_t count) const;
};

// What attention and its gradient share: sizes, which keys each query sees, the mask.
struct AttentionPlan {
  AttentionPlan(const Node& node, int mask_input);

  // Reports a length outside [0, s]; false: there is one.
  bool check_lengths(const Node& node, const KernelArgs& args) const;
  int64_t length(const KernelArgs& args, int64_t b) const;
  // How many keys query i sees, masks apart.
  int64_t reach(int64_t length, int64_t i) const {
    return attrs.causal ? std::clamp<int64_t>(i + length - z.t + 1, 0, length) : length;
  }

  AttentionAttrs attrs;
  AttentionSizes z;
  float scale;  // of scores in powers of two: the op's times log2(e)
  HeadRows q, k, v, y;
  int mask_input;
  bool masked = false, bool_mask = false;
  int64_t mask_strides[4] = {};  // of b, h, t, s; 0 where it repeats

  const Operand* mask(const KernelArgs& args) const {
    const auto i = static_cast<size_t>(mask_input);
    return i < args.in.size() && args.in[i].data ? &args.in[i] : nullptr;
  }
};

// Part of a float mask or a bool mask for a tile of queries.
struct MaskTile {
  const float* numbers = nullptr;  // added to the scores
  const bool* seen = nullptr;
  int64_t query_step = 0, key_step = 0;

  explicit operator bool() const { return numbers || seen != nullptr; }
  // What the element at this offset adds to a score.
  float at(int64_t offset) const {
    if (numbers) return numbers[offset];
    return seen[offset] ? 0 : -HUGE_VALF;
  }
};
constexpr float kLog2E = 1.44269504f;
MaskTile mask_tile(const AttentionPlan& plan, const KernelArgs& args, int64_t b, int64_t h,
                   int64_t first);

// A reason to leave attention or its gradient to their decompositions.
const char* attention_sizes_why_not(const Node& node);

// Lays parts of a scratch block one after the other, in floats, each on a cache line of its own.
class ScratchPlan {
 public:
  int64_t add(int64_t floats) {
    const int64_t at = size_;
    size_ += (floats + 15) / 16 * 16;
    return at;
  }
  int64_t size() const { return size_; }

 private:
  int64_t size_ = 0;
};

}  // namespace suan::cpu
