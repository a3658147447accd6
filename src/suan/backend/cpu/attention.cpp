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
  const float* rows;  // the queries, lanes x d
  int64_t rows_step;
  const float *k, *v;
  int64_t k_step, v_step;
  int64_t d, d_v;
  float scale;
  const float* limits;  // how many keys each query sees
  int64_t keys, sure;   // the largest and the least of them
  int64_t queries;
  MaskTile mask;
  float* q;               // [d][lanes]
  float *scores, *masks;  // [kKeyBlock][lanes]
  float* y;               // [lanes][y_step], lines of whole vectors
  int64_t y_step;
  float *top, *total, *factor;
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

// Vectors of queries in a tile: where there are 32 registers, two share each number of a key.
constexpr size_t kVectors = hn::MaxLanes(D()) == 16 ? 2 : 1;
constexpr size_t kQueryRows = 4;  // queries whose sums over keys are held in registers at once
constexpr size_t kChannels = kVectors == 2 ? 4 : 2;  // and how many vectors of channels of each

size_t attention_lanes() { return kVectors * hn::Lanes(D()); }

// Whether n rows of n numbers, `step` apart, are all zero (mostly, all keys are seen).
HWY_INLINE bool all_zero(const float* rows, int64_t step, size_t count, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  Vec any = hn::Zero(d);
  for (size_t i = 0; i < count; ++i, rows += step) {
    size_t j = 0;
    for (; j + lanes <= n; j += lanes) any = hn::Or(any, hn::LoadU(d, rows + j));
    if (j < n) any = hn::Or(any, load_part(rows + j, n - j));
  }
  return hn::AllTrue(d, hn::Eq(any, hn::Zero(d)));
}

// Writes what the mask adds to scores of n keys from j0 on, for one vector of queries, to t.masks;
// false: it adds nothing.
HWY_INLINE bool turn_mask(const AttentionTile& t, size_t lane, size_t j0, size_t n) {
  if (!t.mask) return false;
  const D d;
  const size_t lanes = hn::Lanes(d), step = attention_lanes();
  const size_t queries = HWY_MIN(static_cast<size_t>(t.queries) - lane, lanes);
  const int64_t q_step = t.mask.query_step, k_step = t.mask.key_step;
  const int64_t first = static_cast<int64_t>(lane) * q_step + static_cast<int64_t>(j0) * k_step;
  float* to = t.masks + lane;
  const bool lines = t.mask.numbers && k_step == 1;
  if (lines && all_zero(t.mask.numbers + first, q_step, q_step == 0 ? 1 : queries, n)) return false;
  if (lines && queries == lanes && q_step != 0) {
    turn_rows(t.mask.numbers + first, static_cast<size_t>(q_step), n, 1.0f, to, step);
  } else {
    for (size_t j = 0; j < n; ++j) {
      const int64_t at = first + static_cast<int64_t>(j) * k_step;
      for (size_t i = 0; i < lanes; ++i) {
        const auto query = static_cast<int64_t>(HWY_MIN(i, queries - 1));
        to[j * step + i] = t.mask.at(at + query * q_step);
      }
    }
  }
  for (size_t j = 0; j < n; ++j) {
    hn::Store(scaled_mask(hn::Load(d, to + j * step)), d, to + j * step);
  }
  return true;
}

// Scores of `rows` keys for W vectors of queries from lane `from` on: keys r0.. of the block that
// begins with key j0. Raises `top`.
template <size_t W>
HWY_INLINE void score_rows(const AttentionTile& t, size_t j0, size_t r0, size_t rows, size_t from,
                           const bool* masked) {
  const D d;
  const size_t lanes = hn::Lanes(d), step = static_cast<size_t>(t.k_step), j = j0 + r0;
  Vec acc[kKeyRows][W];
  row_products(t.k + j * step, step, rows, static_cast<size_t>(t.d), t.q + from, attention_lanes(),
               acc);
#pragma GCC unroll 2
  for (size_t w = 0; w < W; ++w) {
    const size_t lane = from + w * lanes, first = r0 * attention_lanes() + lane;
    Vec top = hn::Load(d, t.top + lane);
    for (size_t r = 0; r < rows; ++r) {
      const size_t at = first + r * attention_lanes();
      Vec s = acc[r][w];
      if (masked[lane / lanes]) s = hn::Add(s, hn::Load(d, t.masks + at));
      s = limited(s, j + r, t.limits + lane, static_cast<size_t>(t.sure));
      hn::Store(s, d, t.scores + at);
      top = hn::Max(top, s);
    }
    hn::Store(top, d, t.top + lane);
  }
}

// How many of the n keys from j0 on the query of this lane sees, or the last one before it.
HWY_INLINE size_t keys_seen(const AttentionTile& t, size_t lane, size_t j0, size_t n) {
  const auto limit = static_cast<size_t>(t.limits[lane]);
  return limit <= j0 ? 0 : HWY_MIN(n, limit - j0);
}

// Scores of n keys from j0 on. The last vector of queries sees the most keys.
HWY_INLINE void score_block(const AttentionTile& t, size_t j0, size_t n) {
  const size_t lanes = hn::Lanes(D());
  const bool both = kVectors == 2 && static_cast<size_t>(t.queries) > lanes;
  const size_t shared = both ? keys_seen(t, lanes - 1, j0, n) : 0;
  const bool masked[2] = {turn_mask(t, 0, j0, n), both && turn_mask(t, lanes, j0, n)};
  for (size_t r0 = 0; r0 < n; r0 += kKeyRows) {
    const size_t rows = HWY_MIN(kKeyRows, n - r0);
    if (r0 < shared) {
      score_rows<kVectors>(t, j0, r0, rows, 0, masked);
    } else {
      score_rows<1>(t, j0, r0, rows, both ? lanes : 0, masked);
    }
  }
}

// Scores become weights 2^(score - top), and what came before is scaled to the new maxima.
HWY_INLINE void weigh(const AttentionTile& t, const float* before, size_t j0, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  for (size_t lane = 0; lane < static_cast<size_t>(t.queries); lane += lanes) {
    const Vec top = hn::Load(d, t.top + lane);
    const Vec shift = hn::IfThenZeroElse(hn::Eq(top, hn::Set(d, -HUGE_VALF)), top);
    const Vec factor = exp2_of(hn::Sub(hn::Load(d, before + lane), shift));
    Vec total = hn::Mul(hn::Load(d, t.total + lane), factor);
    const size_t keys = keys_seen(t, lane + lanes - 1, j0, n);
    for (size_t j = 0; j < keys; ++j) {
      float* score = t.scores + j * attention_lanes() + lane;
      const Vec p = exp2_of(hn::Sub(hn::Load(d, score), shift));
      hn::Store(p, d, score);
      total = hn::Add(total, p);
    }
    hn::Store(total, d, t.total + lane);
    hn::Store(factor, d, t.factor + lane);
  }
}

HWY_INLINE void scale_row(float* y, size_t width, float factor) {
  const D d;
  for (size_t c = 0; c < width; c += hn::Lanes(d)) {
    hn::Store(hn::Mul(hn::Set(d, factor), hn::Load(d, y + c)), d, y + c);
  }
}

// y[i] += sum_j p_ij v[j] for kQueryRows queries from lane i on.
HWY_INLINE void add_values(const AttentionTile& t, size_t i, const float* v, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d), width = static_cast<size_t>(t.d_v);
  const auto step = static_cast<size_t>(t.v_step), y_step = static_cast<size_t>(t.y_step);
  float* y = t.y + i * y_step;
  const auto at = [&](size_t r, size_t j)
                      HWY_ATTR { return t.scores[j * attention_lanes() + i + r]; };
  size_t c = 0;
  for (; c + kChannels * lanes <= width; c += kChannels * lanes) {
    const auto values = [&](size_t j, size_t w)
                            HWY_ATTR { return hn::LoadU(d, v + j * step + c + w * lanes); };
    add_products<kQueryRows, kChannels>(n, at, values, y + c, y_step);
  }
  for (; kChannels == 4 && c + 2 * lanes <= width; c += 2 * lanes) {
    const auto values = [&](size_t j, size_t w)
                            HWY_ATTR { return hn::LoadU(d, v + j * step + c + w * lanes); };
    add_products<kQueryRows, 2>(n, at, values, y + c, y_step);
  }
  for (; c + lanes <= width; c += lanes) {
    const auto values = [&](size_t j, size_t) HWY_ATTR { return hn::LoadU(d, v + j * step + c); };
    add_products<kQueryRows, 1>(n, at, values, y + c, y_step);
  }
  if (c == width) return;
  const auto values = [&](size_t j, size_t)
                          HWY_ATTR { return load_part(v + j * step + c, width - c); };
  add_products<kQueryRows, 1>(n, at, values, y + c, y_step);
}

void start_tile(const AttentionTile& t) {
  const D d;
  const size_t all = attention_lanes(), lanes = hn::Lanes(d);
  for (size_t lane = 0; lane < static_cast<size_t>(t.queries); lane += lanes) {
    turn_rows(t.rows + lane * static_cast<size_t>(t.rows_step), static_cast<size_t>(t.rows_step),
              static_cast<size_t>(t.d), t.scale, t.q + lane, all);
  }
  for (size_t lane = 0; lane < all; lane += lanes) {
    hn::Store(hn::Set(d, -HUGE_VALF), d, t.top + lane);
    hn::Store(hn::Zero(d), d, t.total + lane);
  }
  for (size_t i = 0; i < all * static_cast<size_t>(t.y_step); i += lanes) {
    hn::Store(hn::Zero(d), d, t.y + i);
  }
}

// Keys [j0, end) of what the tile sees.
void attend(const AttentionTile& t, int64_t j0, int64_t end) {
  const D d;
  HWY_ALIGN float before[kVectors * hn::MaxLanes(D())];
  for (size_t i = 0; i < attention_lanes(); i += hn::Lanes(d)) {
    hn::Store(hn::Load(d, t.top + i), d, before + i);
  }
  const auto first = static_cast<size_t>(j0), n = static_cast<size_t>(HWY_MIN(end, t.keys) - j0);
  score_block(t, first, n);
  weigh(t, before, first, n);
  const float* v = t.v + first * static_cast<size_t>(t.v_step);
  for (size_t i = 0; i < static_cast<size_t>(t.queries); i += kQueryRows) {
    const size_t keys = keys_seen(t, i + kQueryRows - 1, first, n);
    for (size_t r = i; j0 > 0 && r < i + kQueryRows; ++r) {
      scale_row(t.y + r * static_cast<size_t>(t.y_step), static_cast<size_t>(t.d_v), t.factor[r]);
    }
    if (keys > 0) add_values(t, i, v, keys);
  }
}

void finish_tile(const AttentionTile& t) {
  for (int64_t i = 0; i < t.queries; ++i) {
    const float total = t.total[i];
    scale_row(t.y + i * t.y_step, static_cast<size_t>(t.d_v), total == 0 ? 1.0f : 1.0f / total);
  }
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

constexpr int64_t kLine = 16;  // floats of the widest vector
constexpr int64_t kGroup = 4;  // tiles that share a block of keys while it is in the L2 cache

class AttentionCall final : public Call {
 public:
  AttentionCall(const Node& node, bool pairs)
      : node_(node),
        plan_(node, kAttentionMask),
        lanes_(pairs ? bf16::kLanes
                     : static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(attention_lanes)())) {
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
    y_step_ = (z.d_v + kLine - 1) / kLine * kLine;
    rows_ = tile_scratch_.add(lanes_ * z.d);
    q_ = tile_scratch_.add(lanes_ * z.d);
    y_ = tile_scratch_.add(lanes_ * y_step_);
    small_ = tile_scratch_.add(lanes_ * 4);
    tile_at_ = scratch_.add(group_ * tile_scratch_.size());
    scores_ = scratch_.add(lanes_ * kKeyBlock);
    if (!pairs_ && plan_.masked) masks_ = scratch_.add(lanes_ * kKeyBlock);
    if (converts_) k_ = scratch_.add(z.s * z.d);
    if (converts_) v_ = scratch_.add(z.s * z.d_v);
    if (pairs_) v_ = scratch_.add((z.s + 1) / 2 * y_step_);
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
                      bf16::pairs_in(scratch + v_), y_step_);
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
    std::fill_n(t.y, t.y_step * lanes_, 0.0f);
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
                  .v = bf16::pairs_in(scratch + v_) + j / 2 * t.y_step,
                  .starts = j == 0,
                  .values = t.scores,
                  .weights = bf16::pairs_in(scratch + weights_),
                  .y = t.y,
                  .y_step = t.y_step,
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
    return {.k_step = converts_ ? z.d : plan_.k.step(),
            .v_step = converts_ ? z.d_v : plan_.v.step(),
            .d = z.d,
            .d_v = z.d_v,
            .scale = plan_.scale,
            .keys = plan_.reach(length, first + count - 1),
            .sure = plan_.reach(length, first),
            .queries = count,
            .mask = mask_tile(plan_, args, b, h, first),
            .scores = scratch + scores_,
            .masks = scratch + masks_};
  }

  void load_queries(const KernelArgs& args, int64_t b, int64_t h, int64_t first, float* own,
                    AttentionTile& t) const {
    float* limits = own + small_;
    t.q = own + q_;
    t.y = own + y_;
    t.y_step = y_step_;
    t.limits = limits;
    t.top = limits + lanes_;
    t.total = limits + 2 * lanes_;
    t.factor = limits + 3 * lanes_;
    if (pairs_) {
      bf16::turn_rows(plan_.q.halves(args.in[0], b, h, first), plan_.q.step(), t.queries, t.d,
                      bf16::pairs_in(t.q));
    } else if (!plan_.q.load && t.queries == lanes_) {
      t.rows = plan_.q.floats(args.in[0], b, h, first);
      t.rows_step = plan_.q.step();
    } else {
      float* rows = own + rows_;
      plan_.q.read(args.in[0], b, h, first, t.queries, rows, t.d);
      std::fill(rows + t.queries * t.d, rows + lanes_ * t.d, 0.0f);
      t.rows = rows;
      t.rows_step = t.d;
    }
    const int64_t length = plan_.length(args, b);
    for (int64_t i = 0; i < lanes_; ++i) {
      limits[i] = static_cast<float>(plan_.reach(length, first + std::min(i, t.queries - 1)));
    }
  }

  void write_tile(const KernelArgs& args, int64_t b, int64_t h, int64_t first,
                  const AttentionTile& t) const {
    if (args.out[0].data) plan_.y.write(t.y, y_step_, args.out[0], b, h, first, t.queries);
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
  int64_t y_step_ = 0, rows_ = 0, q_ = 0, y_ = 0, small_ = 0, tile_at_ = 0, scores_ = 0, masks_ = 0,
          k_ = 0, v_ = 0, weights_ = 0;
};

}  // namespace

const char* attention_why_not(const Node& node) { return attention_sizes_why_not(node); }
std::unique_ptr<Call> make_attention_call(const Node& node) {
  return std::make_unique<AttentionCall>(node, false);
}
const char* bf16_attention_why_not(const Node& node) {
  if (const char* reason = attention_why_not(node)) return reason;
  return bf16::why_not(node, bf16::kLanes);
}
std::unique_ptr<Call> make_bf16_attention_call(const Node& node) {
  return std::make_unique<AttentionCall>(node, true);
}

}  // namespace suan::cpu
#endif
