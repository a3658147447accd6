// The gradient of attention: weights are found again from logsumexp, a tile of queries by a block
// of keys at a time; gradients of keys and values add up in scratch memory of one head.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <numbers>

#include "suan/backend/cpu/attention.h"
#include "suan/backend/cpu/attention_bf16.h"
#include "suan/base/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "suan/backend/cpu/attention_gradient.cpp"
#include "hwy/foreach_target.h"
#include "suan/backend/cpu/attention-inl.h"

#ifndef SUAN_ATTENTION_GRADIENT_TILE_
#define SUAN_ATTENTION_GRADIENT_TILE_
namespace suan::cpu {
constexpr int64_t kGradientKeyBlock = 128;
constexpr int64_t kGradientKeyChunk = 256;
// One tile of queries of one head and one chunk of keys. Matrices [...][lanes] hold a query in each
// lane; lines of rows are padded to whole vectors.
struct AttentionGradientTile {
  const float *q_rows, *g_rows;  // [lanes][d_padded], [lanes][v_padded]
  const float *k, *v;            // of the chunk's first key
  int64_t k_step, v_step;
  int64_t d, d_v, d_padded, v_padded;
  float score_scale;    // times log2(e)
  float scale;          // the op's
  const float* limits;  // how many keys each query sees
  int64_t first_key;    // of the chunk
  int64_t keys, sure;   // the end of the chunk's keys that some query sees, and that all see
  bool starts, ends;    // the tile's first chunk, its last
  int64_t queries;
  MaskTile mask;
  const float* total;  // logsumexp times log2(e); +inf for a query that sees none
  const float* delta;  // <g, y> - g_logsumexp
  float *q, *g;        // [d][lanes], [d_v][lanes]
  float *p, *e;        // [kGradientKeyBlock][lanes]
  float* gq;           // [d][lanes]: added to from chunk to chunk
  float* gq_rows;      // out, at the last chunk: [lanes][d_padded]
  float *gk, *gv;      // added to, of the chunk: [keys][d_padded], [keys][v_padded]
};
}  // namespace suan::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace suan::cpu::HWY_NAMESPACE {

size_t attention_gradient_lanes() { return hn::Lanes(D()); }

float row_dot(const float* a, const float* b, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  Vec sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  }
  if (i < n) sum = hn::MulAdd(load_part(a + i, n - i), load_part(b + i, n - i), sum);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// p = 2^(score - total) and e = p (g v^T - delta) for n keys from the chunk's key j0 on, then rows
// of zeros.
HWY_INLINE void weight_block(const AttentionGradientTile& t, size_t j0, size_t n) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto k_step = static_cast<size_t>(t.k_step), v_step = static_cast<size_t>(t.v_step);
  const Vec total = hn::Load(d, t.total), delta = hn::Load(d, t.delta);
  for (size_t r0 = 0; r0 < n; r0 += kKeyRows) {
    const size_t rows = HWY_MIN(kKeyRows, n - r0);
    Vec score[kKeyRows][1], gp[kKeyRows][1];
    const float *k = t.k + (j0 + r0) * k_step, *v = t.v + (j0 + r0) * v_step;
    row_products(k, k_step, rows, static_cast<size_t>(t.d), t.q, lanes, score);
    row_products(v, v_step, rows, static_cast<size_t>(t.d_v), t.g, lanes, gp);
    for (size_t r = 0; r < kKeyRows; ++r) {
      Vec p = hn::Zero(d);
      if (r < rows) {
        const size_t j = static_cast<size_t>(t.first_key) + j0 + r0 + r;
        const Vec s = masked(score[r][0], j, t.limits, static_cast<size_t>(t.sure), t.mask,
                             static_cast<size_t>(t.queries));
        p = exp2_of(hn::Sub(s, total));
      }
      hn::Store(p, d, t.p + (r0 + r) * lanes);
      hn::Store(hn::Mul(p, hn::Sub(gp[r][0], delta)), d, t.e + (r0 + r) * lanes);
    }
  }
}

void finish_gradient_tile(const AttentionGradientTile& t) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const Vec scale = hn::Set(d, t.scale);
  for (size_t c = 0; c < static_cast<size_t>(t.d); ++c) {
    hn::Store(hn::Mul(scale, hn::Load(d, t.gq + c * lanes)), d, t.gq + c * lanes);
  }
  turn_columns(t.gq, static_cast<size_t>(t.d), t.gq_rows, static_cast<size_t>(t.d_padded));
}

void attention_gradient_tile(const AttentionGradientTile& t) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto width = static_cast<size_t>(t.d), v_width = static_cast<size_t>(t.d_v);
  const auto d_padded = static_cast<size_t>(t.d_padded), v_padded = static_cast<size_t>(t.v_padded);
  turn_rows(t.q_rows, d_padded, width, t.score_scale, t.q, lanes);
  turn_rows(t.g_rows, v_padded, v_width, 1.0f, t.g, lanes);
  if (t.starts) {
    for (size_t c = 0; c < width; ++c) hn::Store(hn::Zero(d), d, t.gq + c * lanes);
  }
  const auto keys = static_cast<size_t>(HWY_MAX(t.keys - t.first_key, 0));
  const auto block = static_cast<size_t>(kGradientKeyBlock);
  for (size_t j0 = 0; j0 < keys; j0 += block) {
    const size_t n = HWY_MIN(block, keys - j0);
    weight_block(t, j0, n);
    add_queries(t.p, n, t.g_rows, v_padded, t.gv + j0 * v_padded);
    add_queries(t.e, n, t.q_rows, d_padded, t.gk + j0 * d_padded);
    const auto step = static_cast<size_t>(t.k_step);
    add_channels(t.k + j0 * step, step, n, width, t.e, t.gq);
  }
  if (t.ends) finish_gradient_tile(t);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(attention_gradient_lanes);
HWY_EXPORT(row_dot);
HWY_EXPORT(attention_gradient_tile);
HWY_EXPORT(finish_gradient_tile);

enum Input { kQ, kK, kV, kY, kLogsumexp, kG, kGLogsumexp };

class AttentionGradientCall final : public Call {
 public:
  AttentionGradientCall(const Node& node, bool pairs)
      : node_(node),
        plan_(node, kAttentionGradientMask),
        lanes_(static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(attention_gradient_lanes)())) {
    const AttentionSizes& z = plan_.z;
    units_ = z.b * z.h_kv;
    const double work = 10.0 * static_cast<double>(z.b * z.h * z.t * z.s * z.d);
    pieces_ = std::clamp<int64_t>(static_cast<int64_t>(work / 2e5), 1,
                                  std::min<int64_t>(units_, num_threads()));
    scale_ = static_cast<float>(attention_scale(plan_.attrs, z.d));
    pairs_ = pairs;
    converts_ = plan_.k.load != nullptr && !pairs_;
    d_padded_ = (z.d + lanes_ - 1) / lanes_ * lanes_;
    v_padded_ = (z.d_v + lanes_ - 1) / lanes_ * lanes_;
    chunk_ = std::min(kGradientKeyChunk, (z.s + 7) / 8 * 8);
    const bool one = chunk_ >= z.s;
    const int64_t tiles = one ? 1 : z.h / z.h_kv * ((z.t + lanes_ - 1) / lanes_);
    q_rows_ = scratch_.add(lanes_ * d_padded_);
    g_rows_ = scratch_.add(lanes_ * v_padded_);
    y_rows_ = scratch_.add(lanes_ * v_padded_);
    gq_rows_ = scratch_.add(lanes_ * d_padded_);
    q_ = scratch_.add(lanes_ * z.d);
    g_ = scratch_.add(lanes_ * z.d_v);
    gq_ = scratch_.add(tiles * lanes_ * z.d);
    p_ = scratch_.add(lanes_ * kGradientKeyBlock);
    e_ = scratch_.add(lanes_ * kGradientKeyBlock);
    small_ = scratch_.add(lanes_ * 3);
    gk_ = scratch_.add(chunk_ * d_padded_);
    gv_ = scratch_.add(chunk_ * v_padded_);
    if (converts_) k_ = scratch_.add(chunk_ * z.d);
    if (converts_) v_ = scratch_.add(chunk_ * z.d_v);
    if (!pairs_) return;
    k_ = scratch_.add((chunk_ + 1) / 2 * z.d);
    q_pairs_ = scratch_.add(lanes_ / 2 * d_padded_);
    g_pairs_ = scratch_.add(lanes_ / 2 * v_padded_);
    e_pairs_ = scratch_.add(kGradientKeyBlock / 2 * lanes_);
  }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(pieces_ * scratch_.size()) * sizeof(float);
  }

  void run(const KernelArgs& args) const override {
    if (!plan_.check_lengths(node_, args)) return;
    parallel_for(pieces_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        float* scratch = static_cast<float*>(args.scratch) + p * scratch_.size();
        for (int64_t u = units_ * p / pieces_; u < units_ * (p + 1) / pieces_; ++u) {
          run_head(args, u / plan_.z.h_kv, u % plan_.z.h_kv, scratch);
        }
      }
    });
  }

 private:
  // All queries that read one key head, chunk by chunk of its keys.
  void run_head(const KernelArgs& args, int64_t b, int64_t kv, float* scratch) const {
    const AttentionSizes& z = plan_.z;
    float *gk = scratch + gk_, *gv = scratch + gv_;
    const int64_t group = z.h / z.h_kv;
    for (int64_t key = 0; key < z.s; key += chunk_) {
      const int64_t n = std::min(chunk_, z.s - key);
      std::fill_n(gk, chunk_ * d_padded_, 0.0f);
      std::fill_n(gv, chunk_ * v_padded_, 0.0f);
      if (converts_) {
        plan_.k.read(args.in[kK], b, kv, key, n, scratch + k_, z.d);
        plan_.v.read(args.in[kV], b, kv, key, n, scratch + v_, z.d_v);
      }
      if (pairs_) {
        bf16::pair_rows(plan_.k.halves(args.in[kK], b, kv, key), plan_.k.step(), n, z.d,
                        bf16::pairs_in(scratch + k_), z.d);
      }
      float* gq = scratch + gq_;
      for (int64_t h = kv * group; h < (kv + 1) * group; ++h) {
        for (int64_t first = 0; first < z.t; first += lanes_) {
          run_tile(args, {b, h, first, key}, gq, scratch);
          if (chunk_ < z.s) gq += lanes_ * z.d;
        }
      }
      for (int64_t i = 0; i < n * d_padded_; ++i) gk[i] *= scale_;
      if (args.out[1].data) plan_.k.write(gk, d_padded_, args.out[1], b, kv, key, n);
      if (args.out[2].data) plan_.v.write(gv, v_padded_, args.out[2], b, kv, key, n);
    }
  }

  // Rows of a tile; those beyond the last query and channels beyond the last are zero.
  static void read_rows(const HeadRows& rows, const Operand& x, int64_t b, int64_t h, int64_t first,
                        int64_t count, int64_t lanes, float* to, int64_t step) {
    if (rows.width < step) {
      std::fill_n(to, lanes * step, 0.0f);
    } else {
      std::fill_n(to + count * step, (lanes - count) * step, 0.0f);
    }
    rows.read(x, b, h, first, count, to, step);
  }

  void read_small(const KernelArgs& args, int64_t b, int64_t h, int64_t first, int64_t count,
                  float* scratch) const {
    const AttentionSizes& z = plan_.z;
    float *limits = scratch + small_, *total = limits + lanes_, *delta = total + lanes_;
    const float* sums = args.in[kLogsumexp].as<float>() + (b * z.h + h) * z.t + first;
    const float* more = args.in[kGLogsumexp].as<float>();
    const int64_t length = plan_.length(args, b);
    for (int64_t i = 0; i < lanes_; ++i) {
      limits[i] = static_cast<float>(plan_.reach(length, first + std::min(i, count - 1)));
      const bool empty = i >= count || sums[i] == -std::numeric_limits<float>::infinity();
      total[i] =
          empty ? std::numeric_limits<float>::infinity() : sums[i] * std::numbers::log2e_v<float>;
      delta[i] = 0;
      if (i >= count) continue;
      delta[i] = HWY_DYNAMIC_DISPATCH(row_dot)(scratch + g_rows_ + i * v_padded_,
                                               scratch + y_rows_ + i * v_padded_,
                                               static_cast<size_t>(z.d_v));
      if (more) delta[i] -= more[(b * z.h + h) * z.t + first + i];
    }
  }

  struct Place {
    int64_t b, h, first, key;  // the tile's first query, the chunk's first key
  };
  // The next tile's rows, and with each tile a part of the next head's keys and values, which are
  // far away in memory when heads lie inside.
  void prefetch_next(const KernelArgs& args, const Place& place) const {
    const AttentionSizes& z = plan_.z;
    auto [b, h, first, key] = place;
    const int64_t part = first;
    first += lanes_;
    if (first >= z.t) h += 1, first = 0;
    if (h == z.h) b += 1, h = 0;
    if (b == z.b) return;
    plan_.q.prefetch(args.in[kQ], b, h, first, first + lanes_);
    plan_.y.prefetch(args.in[kG], b, h, first, first + lanes_);
    plan_.y.prefetch(args.in[kY], b, h, first, first + lanes_);
    const int64_t group = z.h / z.h_kv, next = place.b * z.h_kv + place.h / group + 1;
    if (converts_ || chunk_ < z.s || (place.h + 1) % group != 0 || next == z.b * z.h_kv) return;
    plan_.k.prefetch(args.in[kK], next / z.h_kv, next % z.h_kv, part, part + lanes_);
    plan_.v.prefetch(args.in[kV], next / z.h_kv, next % z.h_kv, part, part + lanes_);
  }
  void run_tile(const KernelArgs& args, const Place& place, float* gq, float* scratch) const {
    const AttentionSizes& z = plan_.z;
    const auto [b, h, first, key] = place;
    const int64_t count = std::min(lanes_, z.t - first), kv = h / (z.h / z.h_kv);
    const int64_t length = plan_.length(args, b), keys = plan_.reach(length, first + count - 1);
    if (key > 0 && keys <= key) return;
    if (!pairs_) {
      read_rows(plan_.q, args.in[kQ], b, h, first, count, lanes_, scratch + q_rows_, d_padded_);
    }
    read_rows(plan_.y, args.in[kG], b, h, first, count, lanes_, scratch + g_rows_, v_padded_);
    read_rows(plan_.y, args.in[kY], b, h, first, count, lanes_, scratch + y_rows_, v_padded_);
    read_small(args, b, h, first, count, scratch);
    prefetch_next(args, place);
    const AttentionGradientTile t{.q_rows = scratch + q_rows_,
                                  .g_rows = scratch + g_rows_,
                                  .k = pairs_      ? nullptr
                                       : converts_ ? scratch + k_
                                                   : plan_.k.floats(args.in[kK], b, kv, key),
                                  .v = pairs_      ? nullptr
                                       : converts_ ? scratch + v_
                                                   : plan_.v.floats(args.in[kV], b, kv, key),
                                  .k_step = converts_ ? z.d : plan_.k.step(),
                                  .v_step = converts_ ? z.d_v : plan_.v.step(),
                                  .d = z.d,
                                  .d_v = z.d_v,
                                  .d_padded = d_padded_,
                                  .v_padded = v_padded_,
                                  .score_scale = plan_.scale,
                                  .scale = scale_,
                                  .limits = scratch + small_,
                                  .first_key = key,
                                  .keys = std::min(keys, key + chunk_),
                                  .sure = plan_.reach(length, first),
                                  .starts = key == 0,
                                  .ends = keys <= key + chunk_,
                                  .queries = count,
                                  .mask = mask_tile(plan_, args, b, h, first),
                                  .total = scratch + small_ + lanes_,
                                  .delta = scratch + small_ + 2 * lanes_,
                                  .q = scratch + q_,
                                  .g = scratch + g_,
                                  .p = scratch + p_,
                                  .e = scratch + e_,
                                  .gq = gq,
                                  .gq_rows = scratch + gq_rows_,
                                  .gk = scratch + gk_,
                                  .gv = scratch + gv_};
    if (pairs_) {
      add_pairs(args, place, t, scratch);
      if (t.ends) HWY_DYNAMIC_DISPATCH(finish_gradient_tile)(t);
    } else {
      HWY_DYNAMIC_DISPATCH(attention_gradient_tile)(t);
    }
    if (t.ends && args.out[0].data) {
      plan_.q.write(t.gq_rows, d_padded_, args.out[0], b, h, first, count);
    }
  }

  // The same as attention_gradient_tile but for the end, on bf16 as it is.
  void add_pairs(const KernelArgs& args, const Place& place, const AttentionGradientTile& t,
                 float* scratch) const {
    const AttentionSizes& z = plan_.z;
    const int64_t kv = place.h / (z.h / z.h_kv);
    const uint16_t* q = plan_.q.halves(args.in[kQ], place.b, place.h, place.first);
    const uint16_t* g = plan_.y.halves(args.in[kG], place.b, place.h, place.first);
    bf16::Pair *q_pairs = bf16::pairs_in(scratch + q_pairs_),
               *g_pairs = bf16::pairs_in(scratch + g_pairs_);
    if (t.queries < lanes_) {
      std::fill_n(q_pairs, lanes_ / 2 * d_padded_, bf16::Pair{0});
      std::fill_n(g_pairs, lanes_ / 2 * v_padded_, bf16::Pair{0});
    }
    bf16::pair_rows(q, plan_.q.step(), t.queries, z.d, q_pairs, d_padded_);
    bf16::pair_rows(g, plan_.y.step(), t.queries, z.d_v, g_pairs, v_padded_);
    bf16::turn_rows(q, plan_.q.step(), t.queries, z.d, bf16::pairs_in(t.q));
    bf16::turn_rows(g, plan_.y.step(), t.queries, z.d_v, bf16::pairs_in(t.g));
    if (t.starts) std::fill_n(t.gq, z.d * lanes_, 0.0f);
    for (int64_t j = t.first_key; j < t.keys; j += kGradientKeyBlock) {
      const int64_t at = j - t.first_key;
      bf16::add_gradients({.scores = {.k = plan_.k.halves(args.in[kK], place.b, kv, j),
                                      .k_step = plan_.k.step(),
                                      .d = z.d,
                                      .q = bf16::pairs_in(t.q),
                                      .scale = t.score_scale,
                                      .limits = t.limits,
                                      .first = j,
                                      .n = std::min(kGradientKeyBlock, t.keys - j),
                                      .sure = t.sure,
                                      .queries = t.queries,
                                      .mask = t.mask},
                           .v = plan_.v.halves(args.in[kV], place.b, kv, j),
                           .v_step = plan_.v.step(),
                           .d_v = z.d_v,
                           .g = bf16::pairs_in(t.g),
                           .k_pairs = bf16::pairs_in(scratch + k_) + at / 2 * z.d,
                           .q_rows = q_pairs,
                           .g_rows = g_pairs,
                           .d_padded = d_padded_,
                           .v_padded = v_padded_,
                           .total = t.total,
                           .delta = t.delta,
                           .p = reinterpret_cast<bf16::Number*>(t.p),
                           .e = reinterpret_cast<bf16::Number*>(t.e),
                           .e_pairs = bf16::pairs_in(scratch + e_pairs_),
                           .gq = t.gq,
                           .gk = t.gk + at * d_padded_,
                           .gv = t.gv + at * v_padded_});
    }
  }

  const Node& node_;
  AttentionPlan plan_;
  ScratchPlan scratch_;
  int64_t lanes_, units_ = 1, pieces_ = 1;
  bool converts_ = false;  // keys and values to floats
  bool pairs_ = false;     // works on bf16 as it is
  float scale_ = 1;
  int64_t d_padded_ = 0, v_padded_ = 0, chunk_ = 0;
  int64_t q_rows_ = 0, g_rows_ = 0, y_rows_ = 0, gq_rows_ = 0, q_ = 0, g_ = 0, gq_ = 0, p_ = 0;
  int64_t e_ = 0, small_ = 0, gk_ = 0, gv_ = 0, k_ = 0, v_ = 0;
  int64_t q_pairs_ = 0, g_pairs_ = 0, e_pairs_ = 0;
};

}  // namespace

const char* attention_gradient_why_not(const Node& node) {
  if (node.types.size() > 3) return "the mask has a gradient";
  return attention_sizes_why_not(node);
}
std::unique_ptr<Call> make_attention_gradient_call(const Node& node) {
  return std::make_unique<AttentionGradientCall>(node, false);
}
const char* bf16_attention_gradient_why_not(const Node& node) {
  if (const char* reason = attention_gradient_why_not(node)) return reason;
  const auto lanes = HWY_DYNAMIC_DISPATCH(attention_gradient_lanes)();
  return bf16::why_not(node, static_cast<int64_t>(lanes));
}
std::unique_ptr<Call> make_bf16_attention_gradient_call(const Node& node) {
  return std::make_unique<AttentionGradientCall>(node, true);
}

}  // namespace suan::cpu
#endif
