// Attention forward: for each tile of queries, blocks of keys with a running maximum and sum
// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al.,
// "FlashAttention", NeurIPS 2022). SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/attention.h"

#include <cmath>
#include <numbers>

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

void attend(const AttentionTile& t) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const auto width = static_cast<size_t>(t.d_v);
  turn_rows(t.rows, static_cast<size_t>(t.rows_step), static_cast<size_t>(t.d), t.scale, t.q);
  const Vec nothing = hn::Set(d, -HUGE_VALF);
  Vec top = nothing, total = hn::Zero(d);
  for (size_t c = 0; c < width; ++c) hn::Store(hn::Zero(d), d, t.y + c * lanes);
  for (size_t j0 = 0; j0 < static_cast<size_t>(t.keys); j0 += kKeyBlock) {
    const size_t n = HWY_MIN(static_cast<size_t>(kKeyBlock), static_cast<size_t>(t.keys) - j0);
    const Vec next = score_block(t, j0, n, top);
    const Vec shift = hn::IfThenZeroElse(hn::Eq(next, nothing), next);
    if (j0 > 0) {
      const Vec factor = exp2_of(hn::Sub(top, shift));
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
    top = next;
    const auto step = static_cast<size_t>(t.v_step);
    add_channels(t.v + j0 * step, step, n, width, t.scores, t.y);
  }
  const Vec one = hn::Set(d, 1.0f);
  const Vec inverse = hn::Div(one, hn::IfThenElse(hn::Eq(total, hn::Zero(d)), one, total));
  for (size_t c = 0; c < width; ++c) {
    hn::Store(hn::Mul(hn::Load(d, t.y + c * lanes), inverse), d, t.y + c * lanes);
  }
  turn_columns(t.y, width, t.rows, static_cast<size_t>(t.rows_step));
  hn::Store(top, d, t.top);
  hn::Store(total, d, t.total);
}

}  // namespace suan::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace suan::cpu {
namespace {

HWY_EXPORT(attention_lanes);
HWY_EXPORT(attend);

class AttentionCall final : public Call {
 public:
  explicit AttentionCall(const Node& node)
      : node_(node),
        plan_(node, kAttentionMask),
        lanes_(static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(attention_lanes)())) {
    const AttentionSizes& z = plan_.z;
    tiles_ = (z.t + lanes_ - 1) / lanes_;
    units_ = z.b * z.h * tiles_;
    const double work = 4.0 * static_cast<double>(z.b * z.h * z.t * z.s * z.d);
    pieces_ = std::clamp<int64_t>(static_cast<int64_t>(work / 2e5), 1,
                                  std::max<int64_t>(1, std::min<int64_t>(units_, num_threads())));
    converts_ = plan_.k.load != nullptr;
    step_ = std::max(z.d, z.d_v);
    rows_ = scratch_.add(lanes_ * step_);
    q_ = scratch_.add(lanes_ * z.d);
    scores_ = scratch_.add(lanes_ * kKeyBlock);
    y_ = scratch_.add(lanes_ * z.d_v);
    small_ = scratch_.add(lanes_ * 3);
    if (converts_) k_ = scratch_.add(z.s * z.d);
    if (converts_) v_ = scratch_.add(z.s * z.d_v);
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
  // Tiles from the front and the back by turns, so that causal work is spread evenly.
  int64_t tile_at(int64_t i) const { return i % 2 == 0 ? i / 2 : tiles_ - 1 - i / 2; }

  void run_unit(const KernelArgs& args, int64_t u, float* scratch, int64_t& converted) const {
    const auto& z = plan_.z;
    const int64_t first = tile_at(u % tiles_) * lanes_, h = u / tiles_ % z.h, b = u / tiles_ / z.h;
    const int64_t count = std::min(lanes_, z.t - first), kv = h / (z.h / z.h_kv);
    if (converts_ && converted != b * z.h_kv + kv) {
      converted = b * z.h_kv + kv;
      plan_.k.read(args.in[1], b, kv, 0, z.s, scratch + k_, z.d);
      plan_.v.read(args.in[2], b, kv, 0, z.s, scratch + v_, z.d_v);
    }
    float* rows = scratch + rows_;
    float* limits = scratch + small_;
    plan_.q.read(args.in[0], b, h, first, count, rows, step_);
    std::fill(rows + count * step_, rows + lanes_ * step_, 0.0f);
    const int64_t length = plan_.length(args, b);
    for (int64_t i = 0; i < lanes_; ++i) {
      limits[i] = static_cast<float>(plan_.reach(length, first + std::min(i, count - 1)));
    }
    AttentionTile t{.rows = rows,
                    .rows_step = step_,
                    .k = converts_ ? scratch + k_ : args.in[1].as<float>() + plan_.k.offset(b, kv),
                    .v = converts_ ? scratch + v_ : args.in[2].as<float>() + plan_.v.offset(b, kv),
                    .k_step = converts_ ? z.d : plan_.k.step(),
                    .v_step = converts_ ? z.d_v : plan_.v.step(),
                    .d = z.d,
                    .d_v = z.d_v,
                    .scale = plan_.scale,
                    .limits = limits,
                    .keys = plan_.reach(length, first + count - 1),
                    .sure = plan_.reach(length, first),
                    .queries = count,
                    .mask = mask_tile(plan_, args, b, h, first),
                    .q = scratch + q_,
                    .scores = scratch + scores_,
                    .y = scratch + y_,
                    .top = limits + lanes_,
                    .total = limits + 2 * lanes_};
    HWY_DYNAMIC_DISPATCH(attend)(t);
    if (args.out[0].data) plan_.y.write(rows, step_, args.out[0], b, h, first, count);
    if (!args.out[1].data) return;
    float* sums = args.out[1].as<float>() + (b * z.h + h) * z.t + first;
    for (int64_t i = 0; i < count; ++i) {
      sums[i] = (t.top[i] + std::log2(t.total[i])) * std::numbers::ln2_v<float>;
    }
  }

  const Node& node_;
  AttentionPlan plan_;
  ScratchPlan scratch_;
  int64_t lanes_, tiles_ = 0, units_ = 0, pieces_ = 1;
  bool converts_ = false;
  int64_t step_ = 0, rows_ = 0, q_ = 0, scores_ = 0, y_ = 0, small_ = 0, k_ = 0, v_ = 0;
};

}  // namespace

const char* attention_why_not(const Node& node) { return attention_sizes_why_not(node); }
std::unique_ptr<Call> make_attention_call(const Node& node) {
  return std::make_unique<AttentionCall>(node);
}

}  // namespace suan::cpu
#endif
