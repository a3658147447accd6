// Attention forward: for each tile of queries, blocks of keys with a running maximum and sum
// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al.,
// "FlashAttention", NeurIPS 2022). SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/attention.h"

#include <cmath>
#include <numbers>

#include "suan/backend/cpu/attention_bf16.h"
#include "suan/base/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/attention.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/attention-inl.h"

#ifndef SUAN_ATTENTION_TILE_
#define SUAN_ATTENTION_TILE_
namespace suan::cpu {
constexpr int64_t kKeyBlock = 256;
// One tile of queries of one head. Matrices [...][lanes] hold a query in each lane.
struct AttentionTile {
  float* rows;  // in: the queries, lanes x d (step d_padded); out: y, lanes x d_v
  int64_t rows_step;
  const float *k, *v;
  int64_t k_step, v_step;
  int64_t d, d_v;
  float scale;
  const float* limits;  // how many keys each query sees
  int64_t keys, sure;   // the largest and the least of them
  int64_t queries;
  MaskTile mask;
  float* q;       // [d][lanes]
  float* scores;  // [kKeyBlock][lanes]
  float* y;       // [d_v][lanes]
  float *top, *total;
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

size_t attention_lanes() { return hn::Lanes(D()); }

// Scores of n keys from j0 on, and the larger of their maxima and `top`.
HWY_INLINE Vec score_block(const AttentionTile& t, size_t j0, size_t n, Vec top) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto step = static_cast<size_t>(t.k_step);
  for (size_t r0 = 0; r0 < n; r0 += kKeyRows) {
    const size_t rows = HWY_MIN(kKeyRows, n - r0);
    Vec acc[kKeyRows];
    row_products(t.k + (j0 + r0) * step, step, rows, static_cast<size_t>(t.d), t.q, acc);
    for (size_t r = 0; r < rows; ++r) {
      const size_t j = j0 + r0 + r;
      const Vec s = masked(acc[r], j, t.limits, static_cast<size_t>(t.sure), t.mask,
                           static_cast<size_t>(t.queries));
      hn::Store(s, d, t.scores + (r0 + r) * lanes);
      top = hn::Max(top, s);
    }
  }
  return top;
}

void start_tile(const AttentionTile& t) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  turn_rows(t.rows, static_cast<size_t>(t.rows_step), static_cast<size_t>(t.d), t.scale, t.q);
  hn::Store(hn::Set(d, -HUGE_VALF), d, t.top);
  hn::Store(hn::Zero(d), d, t.total);
  for (size_t c = 0; c < static_cast<size_t>(t.d_v); ++c) {
    hn::Store(hn::Zero(d), d, t.y + c * lanes);
  }
}

// Keys [j0, end) of what the tile sees.
void attend(const AttentionTile& t, int64_t j0, int64_t end) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto width = static_cast<size_t>(t.d_v), first = static_cast<size_t>(j0);
  const auto n = static_cast<size_t>(HWY_MIN(end, t.keys) - j0);
  const Vec before = hn::Load(d, t.top), top = score_block(t, first, n, before);
  const Vec shift = hn::IfThenZeroElse(hn::Eq(top, hn::Set(d, -HUGE_VALF)), top);
  Vec total = hn::Load(d, t.total);
  if (j0 > 0) {
    const Vec factor = exp2_of(hn::Sub(before, shift));
    total = hn::Mul(total, factor);
    for (size_t c = 0; c < width; ++c) {
      hn::Store(hn::Mul(hn::Load(d, t.y + c * lanes), factor), d, t.y + c * lanes);
    }
  }
  for (size_t j = 0; j < n; ++j) {
    const Vec p = exp2_of(hn::Sub(hn::Load(d, t.scores + j * lanes), shift));
    hn::Store(p, d, t.scores + j * lanes);
    total = hn::Add(total, p);
  }
  const auto step = static_cast<size_t>(t.v_step);
  add_channels(t.v + first * step, step, n, width, t.scores, t.y);
  hn::Store(top, d, t.top);
  hn::Store(total, d, t.total);
}

void finish_tile(const AttentionTile& t) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto width = static_cast<size_t>(t.d_v);
  const Vec one = hn::Set(d, 1.0f), total = hn::Load(d, t.total);
  const Vec inverse = hn::Div(one, hn::IfThenElse(hn::Eq(total, hn::Zero(d)), one, total));
  for (size_t c = 0; c < width; ++c) {
    hn::Store(hn::Mul(hn::Load(d, t.y + c * lanes), inverse), d, t.y + c * lanes);
  }
  turn_columns(t.y, width, t.rows, static_cast<size_t>(t.rows_step));
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(attention_lanes);
HWY_EXPORT(start_tile);
HWY_EXPORT(attend);
HWY_EXPORT(finish_tile);

constexpr int64_t kGroup = 4;  // tiles that share a block of keys while it is in the L2 cache

class AttentionCall final : public Call {
 public:
  AttentionCall(const Node& node, bool pairs)
      : node_(node),
        plan_(node, kAttentionMask),
        lanes_(static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(attention_lanes)())) {
    const AttentionSizes& z = plan_.z;
    tiles_ = (z.t + lanes_ - 1) / lanes_;
    group_ = z.b * z.h * tiles_ < 8 * num_threads() ? 1 : std::min(kGroup, tiles_);
    groups_ = (tiles_ + group_ - 1) / group_;
    units_ = z.b * z.h * groups_;
    const double work = 4.0 * static_cast<double>(z.b * z.h * z.t * z.s * z.d);
    pieces_ = std::clamp<int64_t>(static_cast<int64_t>(work / 2e5), 1,
                                  std::max<int64_t>(1, std::min<int64_t>(units_, num_threads())));
    pairs_ = pairs;
    converts_ = plan_.k.load != nullptr && !pairs_;
    step_ = std::max(z.d, z.d_v);
    rows_ = tile_scratch_.add(lanes_ * step_);
    q_ = tile_scratch_.add(lanes_ * z.d);
    y_ = tile_scratch_.add(lanes_ * z.d_v);
    small_ = tile_scratch_.add(lanes_ * 3);
    tile_at_ = scratch_.add(group_ * tile_scratch_.size());
    scores_ = scratch_.add(lanes_ * kKeyBlock);
    if (converts_) k_ = scratch_.add(z.s * z.d);
    if (converts_) v_ = scratch_.add(z.s * z.d_v);
    if (pairs_) v_ = scratch_.add((z.s + 1) / 2 * z.d_v);
    if (pairs_) weights_ = scratch_.add(kKeyBlock / 2 * lanes_);
  }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pieces_ * scratch_.size()) * sizeof(float);
  }

  void run(const KernelArgs& args) const override {
    if (!plan_.check_lengths(node_, args)) return;
    parallel_for(pieces_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        float* scratch = static_cast<float*>(args.scratch) + p * scratch_.size();
        int64_t converted = -1;  // the key head whose floats lie in the scratch block
        for (int64_t u = units_ * p / pieces_; u < units_ * (p + 1) / pieces_; ++u) {
          run_unit(args, u, scratch, converted);
        }
      }
    });
  }

 private:
  // Groups from the front and the back by turns, so that causal work is spread evenly.
  int64_t group_at(int64_t i) const { return i % 2 == 0 ? i / 2 : groups_ - 1 - i / 2; }

  void run_unit(const KernelArgs& args, int64_t u, float* scratch, int64_t& converted) const {
    const AttentionSizes& z = plan_.z;
    const int64_t h = u / groups_ % z.h, b = u / groups_ / z.h, kv = h / (z.h / z.h_kv);
    if (converts_ && converted != b * z.h_kv + kv) {
      converted = b * z.h_kv + kv;
      plan_.k.read(args.in[1], b, kv, 0, z.s, scratch + k_, z.d);
      plan_.v.read(args.in[2], b, kv, 0, z.s, scratch + v_, z.d_v);
    }
    if (pairs_ && converted != b * z.h_kv + kv) {
      converted = b * z.h_kv + kv;
      bf16::pair_rows(plan_.v.halves(args.in[2], b, kv, 0), plan_.v.step(), z.s, z.d_v,
                      bf16::pairs_in(scratch + v_), z.d_v);
    }
    const int64_t first = group_at(u % groups_) * group_;
    const int64_t count = std::min(group_, tiles_ - first);
    AttentionTile tiles[kGroup];
    int64_t keys = 0;
    for (int64_t i = 0; i < count; ++i) {
      tiles[i] = make_tile(args, b, h, (first + i) * lanes_, scratch);
      if (!pairs_) {
        tiles[i].k = converts_ ? scratch + k_ : plan_.k.floats(args.in[1], b, kv, 0);
        tiles[i].v = converts_ ? scratch + v_ : plan_.v.floats(args.in[2], b, kv, 0);
      }
      float* own = scratch + tile_at_ + i * tile_scratch_.size();
      load_queries(args, b, h, (first + i) * lanes_, own, tiles[i]);
      start(tiles[i]);
      keys = std::max(keys, tiles[i].keys);
    }
    if (u + 1 < units_) prefetch_unit(args, u + 1, kv + b * z.h_kv);
    for (int64_t j = 0; j < keys; j += kKeyBlock) {
      for (int64_t i = 0; i < count; ++i) {
        if (tiles[i].keys <= j) continue;
        if (pairs_) {
          attend_pairs(tiles[i], plan_.k.halves(args.in[1], b, kv, j), j, scratch);
        } else {
          HWY_DYNAMIC_DISPATCH(attend)(tiles[i], j, j + kKeyBlock);
        }
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      HWY_DYNAMIC_DISPATCH(finish_tile)(tiles[i]);
      write_tile(args, b, h, (first + i) * lanes_, tiles[i]);
    }
  }

  void start(const AttentionTile& t) const {
    if (!pairs_) return HWY_DYNAMIC_DISPATCH(start_tile)(t);
    std::fill_n(t.y, t.d_v * lanes_, 0.0f);
    std::fill_n(t.top, lanes_, -HUGE_VALF);
    std::fill_n(t.total, lanes_, 0.0f);
  }
  void attend_pairs(const AttentionTile& t, const uint16_t* k, int64_t j, float* scratch) const {
    bf16::attend({.scores = {.k = k,
                             .k_step = plan_.k.step(),
                             .d = t.d,
                             .q = bf16::pairs_in(t.q),
                             .scale = t.scale,
                             .limits = t.limits,
                             .first = j,
                             .n = std::min(kKeyBlock, t.keys - j),
                             .sure = t.sure,
                             .queries = t.queries,
                             .mask = t.mask},
                  .v = bf16::pairs_in(scratch + v_) + j / 2 * t.d_v,
                  .d_v = t.d_v,
                  .starts = j == 0,
                  .values = t.scores,
                  .weights = bf16::pairs_in(scratch + weights_),
                  .y = t.y,
                  .top = t.top,
                  .total = t.total});
  }

  // The queries of a unit, and its keys and values where they are few and of another head.
  void prefetch_unit(const KernelArgs& args, int64_t u, int64_t key_head) const {
    constexpr int64_t kFew = 1 << 14;
    const AttentionSizes& z = plan_.z;
    const int64_t h = u / groups_ % z.h, b = u / groups_ / z.h, kv = h / (z.h / z.h_kv);
    const int64_t first = group_at(u % groups_) * group_ * lanes_;
    plan_.q.prefetch(args.in[0], b, h, first, first + group_ * lanes_);
    if (b * z.h_kv + kv == key_head || z.s * (z.d + z.d_v) > kFew) return;
    plan_.k.prefetch(args.in[1], b, kv, 0, z.s);
    plan_.v.prefetch(args.in[2], b, kv, 0, z.s);
  }

  AttentionTile make_tile(const KernelArgs& args, int64_t b, int64_t h, int64_t first,
                          float* scratch) const {
    const AttentionSizes& z = plan_.z;
    const int64_t count = std::min(lanes_, z.t - first), length = plan_.length(args, b);
    return {.rows_step = step_,
            .k_step = converts_ ? z.d : plan_.k.step(),
            .v_step = converts_ ? z.d_v : plan_.v.step(),
            .d = z.d,
            .d_v = z.d_v,
            .scale = plan_.scale,
            .keys = plan_.reach(length, first + count - 1),
            .sure = plan_.reach(length, first),
            .queries = count,
            .mask = mask_tile(plan_, args, b, h, first),
            .scores = scratch + scores_};
  }

  void load_queries(const KernelArgs& args, int64_t b, int64_t h, int64_t first, float* own,
                    AttentionTile& t) const {
    float* limits = own + small_;
    t.rows = own + rows_;
    t.q = own + q_;
    t.y = own + y_;
    t.limits = limits;
    t.top = limits + lanes_;
    t.total = limits + 2 * lanes_;
    if (pairs_) {
      bf16::turn_rows(plan_.q.halves(args.in[0], b, h, first), plan_.q.step(), t.queries, t.d,
                      bf16::pairs_in(t.q));
    } else {
      plan_.q.read(args.in[0], b, h, first, t.queries, t.rows, step_);
      std::fill(t.rows + t.queries * step_, t.rows + lanes_ * step_, 0.0f);
    }
    const int64_t length = plan_.length(args, b);
    for (int64_t i = 0; i < lanes_; ++i) {
      limits[i] = static_cast<float>(plan_.reach(length, first + std::min(i, t.queries - 1)));
    }
  }

  void write_tile(const KernelArgs& args, int64_t b, int64_t h, int64_t first,
                  const AttentionTile& t) const {
    if (args.out[0].data) plan_.y.write(t.rows, step_, args.out[0], b, h, first, t.queries);
    if (!args.out[1].data) return;
    float* sums = args.out[1].as<float>() + (b * plan_.z.h + h) * plan_.z.t + first;
    for (int64_t i = 0; i < t.queries; ++i) {
      sums[i] = (t.top[i] + std::log2(t.total[i])) * std::numbers::ln2_v<float>;
    }
  }

  const Node& node_;
  AttentionPlan plan_;
  ScratchPlan scratch_, tile_scratch_;  // of a piece, and inside it of each tile
  int64_t lanes_, tiles_ = 0, group_ = 1, groups_ = 0, units_ = 0, pieces_ = 1;
  bool converts_ = false;  // keys and values to floats
  bool pairs_ = false;     // works on bf16 as it is
  int64_t step_ = 0, rows_ = 0, q_ = 0, y_ = 0, small_ = 0, tile_at_ = 0, scores_ = 0, k_ = 0,
          v_ = 0, weights_ = 0;
};

}  // namespace

const char* attention_why_not(const Node& node) { return attention_sizes_why_not(node); }
std::unique_ptr<Call> make_attention_call(const Node& node) {
  return std::make_unique<AttentionCall>(node, false);
}
const char* bf16_attention_why_not(const Node& node) {
  if (const char* reason = attention_why_not(node)) return reason;
  return bf16::why_not(node, static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(attention_lanes)()));
}
std::unique_ptr<Call> make_bf16_attention_call(const Node& node) {
  return std::make_unique<AttentionCall>(node, true);
}

}  // namespace suan::cpu
#endif
