// Attention on Tensor Cores without the matrix of scores: a block takes some queries of one head,
// and the keys come by in tiles (Dao et al., "FlashAttention", 2022; Dao, "FlashAttention-2",
// 2023). The gradients in keys and values, and that in queries, are two kernels that compute the
// scores again, so that every sum has one order. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/attention_params.h"
#include "suan/backend/cuda/kernels/mma.cuh"

using suan::cuda::AttentionParams;
using suan::cuda::RowsOf;

namespace {

constexpr int kTile = 64;  // keys or queries that come by at once
constexpr float kLog2e = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// A row of a tile in shared memory, with a gap that spreads rows over the banks.
template <int D>
constexpr int kPitch = D + 8;

// Sends rows [first, first + count) to a tile; those beyond `limit` become zeros.
template <class T, int D>
__device__ inline void send_rows(T* tile, const T* from, int64_t row_step, int first, int count,
                                 int limit) {
  constexpr int kPieces = D / 8;
  for (int i = threadIdx.x; i < count * kPieces; i += blockDim.x) {
    const int row = i / kPieces, piece = i % kPieces;
    const bool is_there = first + row < limit;
    const T* source = from + (is_there ? (first + row) * row_step + piece * 8 : 0);
    send16(tile + row * kPitch<D> + piece * 8, source, is_there);
  }
}

// 16 x 16 of the left operand: rows `first` on, columns `column` on.
template <class T, int D>
__device__ inline Quad left(const T* tile, int first, int column) {
  const int lane = threadIdx.x & 31;
  return load_matrices(tile + (first + lane % 16) * kPitch<D> + column + lane / 16 * 8);
}
// Two right operands of 16 x 8: columns of the product are rows `first` and `first` + 8 on of the
// tile, what is summed over are its columns `column` on.
template <class T, int D>
__device__ inline Quad right(const T* tile, int first, int column) {
  const int lane = threadIdx.x & 31;
  return load_matrices(tile + (first + lane % 8 + lane / 16 * 8) * kPitch<D> + column +
                       lane / 8 % 2 * 8);
}
// The same where what is summed over are the tile's rows.
template <class T, int D>
__device__ inline Quad right_turned(const T* tile, int first, int column) {
  const int lane = threadIdx.x & 31;
  return load_turned(tile + (first + lane % 16) * kPitch<D> + column + lane / 16 * 8);
}

// result[16 x 64] = rows `first` on of `a` times the rows of `b`, over D columns.
template <class T, int D>
__device__ inline void multiply_rows(Sums (&result)[kTile / 8], const T* a, int first, const T* b) {
  SUAN_UNROLL
  for (int n = 0; n < kTile / 8; ++n) result[n] = {};
  SUAN_UNROLL
  for (int k = 0; k < D; k += 16) {
    const Quad rows = left<T, D>(a, first, k);
    SUAN_UNROLL
    for (int n = 0; n < kTile / 16; ++n) {
      const Quad columns = right<T, D>(b, n * 16, k);
      multiply_add(result[2 * n], rows, columns.r[0], columns.r[1], T());
      multiply_add(result[2 * n + 1], rows, columns.r[2], columns.r[3], T());
    }
  }
}

// sums[16 x D] += weights[16 x 64] tile[64 x D], the weights rounded to T.
template <class T, int D>
__device__ inline void add_weighted(Sums (&sums)[D / 8], const Sums (&weights)[kTile / 8],
                                    const T* tile) {
  SUAN_UNROLL
  for (int k = 0; k < kTile / 16; ++k) {
    const Sums &a = weights[2 * k], &b = weights[2 * k + 1];
    const Quad rows{{pack<T>(a.v[0], a.v[1]), pack<T>(a.v[2], a.v[3]), pack<T>(b.v[0], b.v[1]),
                     pack<T>(b.v[2], b.v[3])}};
    SUAN_UNROLL
    for (int n = 0; n < D / 16; ++n) {
      const Quad columns = right_turned<T, D>(tile, k * 16, n * 16);
      multiply_add(sums[2 * n], rows, columns.r[0], columns.r[1], T());
      multiply_add(sums[2 * n + 1], rows, columns.r[2], columns.r[3], T());
    }
  }
}

// Calls f(n, e, half, column) for score scores[n].v[e], which lies in the upper or lower half of
// the warp's rows and in this column of the tile.
template <class F>
__device__ inline void each_score(F&& f) {
  const int pair = threadIdx.x % 4 * 2;
  SUAN_UNROLL
  for (int n = 0; n < kTile / 8; ++n) {
    SUAN_UNROLL
    for (int e = 0; e < 4; ++e) f(n, e, e / 2, n * 8 + pair + e % 2);
  }
}

// Over the four lanes that share a row.
template <class How>
__device__ inline float row_reduce(float x) {
  x = How::combine(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return How::combine(x, __shfl_xor_sync(0xffffffffu, x, 2));
}

// Writes 16 rows of a warp's sums, from row `first` of the head on.
template <class T, int D>
__device__ inline void write_rows(T* to, int64_t row_step, int first, int limit,
                                  const Sums (&sums)[D / 8], float upper, float lower) {
  const int lane = threadIdx.x & 31, g = lane / 4, t = lane % 4;
  SUAN_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = first + g + half * 8;
    const float factor = half ? lower : upper;
    if (row >= limit) continue;
    auto* line = reinterpret_cast<uint32_t*>(to + row * row_step);
    SUAN_UNROLL
    for (int n = 0; n < D / 8; ++n) {
      line[n * 4 + t] = pack<T>(sums[n].v[half * 2] * factor, sums[n].v[half * 2 + 1] * factor);
    }
  }
}

// The head that a block works on.
struct Head {
  int sample, head;
  __device__ Head(int heads) : sample(blockIdx.y / heads), head(blockIdx.y % heads) {}
};
template <class T>
__device__ inline const T* at(const void* data, const RowsOf& of, int sample, int head) {
  return static_cast<const T*>(data) + sample * of.batch + head * of.head;
}
template <class T>
__device__ inline T* at(void* data, const RowsOf& of, int sample, int head) {
  return static_cast<T*>(data) + sample * of.batch + head * of.head;
}

__device__ inline bool sees(const AttentionParams& p, int query, int key) {
  return key < p.s && query < p.t && (!p.causal || key <= query + p.s - p.t);
}

// What a mask makes of a score in units of log2. A number too large for these units, which stands
// for infinity, stays a number, so that a row of nothing else weighs all keys alike.
__device__ inline float masked(const AttentionParams& p, int64_t place, float score) {
  if (p.mask_is_bool) return static_cast<const bool*>(p.mask)[place] ? score : -INFINITY;
  const float m = static_cast<const float*>(p.mask)[place];
  return m == -INFINITY ? m : fmaxf(score + m * kLog2e, -3e38f);
}

// The running softmax of one row, in units of log2.
struct Row {
  float top = -INFINITY, total = 0;
};

// scores become weights; the factor by which what was summed before shrinks.
__device__ inline float take_scores(Row& row, Sums (&scores)[kTile / 8], int half) {
  float top = row.top;
  SUAN_UNROLL
  for (int n = 0; n < kTile / 8; ++n) {
    top = fmaxf(top, fmaxf(scores[n].v[half * 2], scores[n].v[half * 2 + 1]));
  }
  top = row_reduce<Largest>(top);
  const float from = top == -INFINITY ? 0 : top;  // a row that has seen nothing yet
  const float shrink = exp2f(row.top - from);
  float total = 0;
  SUAN_UNROLL
  for (int n = 0; n < kTile / 8; ++n) {
    SUAN_UNROLL
    for (int e = 0; e < 2; ++e) {
      float& s = scores[n].v[half * 2 + e];
      s = exp2f(s - from);
      total += s;
    }
  }
  row.top = top;
  row.total = row.total * shrink + total;
  return shrink;
}

template <class T, int D, bool kMasked>
__device__ inline void attention_forward(const AttentionParams& p) {
  SUAN_DYNAMIC_SHARED(memory);
  const int rows = blockDim.x / 2, warp = threadIdx.x / 32;  // 16 rows to a warp
  T* tile_q = reinterpret_cast<T*>(memory);
  T* tiles = tile_q + rows * kPitch<D>;  // two of keys, two of values
  constexpr int kSize = kTile * kPitch<D>;
  const Head head(p.h);
  const int kv = head.head / (p.h / p.h_kv);
  const T* k = at<T>(p.k, p.of_k, head.sample, kv);
  const T* v = at<T>(p.v, p.of_v, head.sample, kv);
  // Blocks with most to do begin first.
  const int first = (gridDim.x - 1 - blockIdx.x) * rows;
  send_rows<T, D>(tile_q, at<T>(p.q, p.of_q, head.sample, head.head), p.of_q.row, first, rows, p.t);
  int keys = p.s;
  if (p.causal) keys = min(keys, min(first + rows, p.t) + p.s - p.t);
  const int count = keys > 0 ? (keys + kTile - 1) / kTile : 0;
  const auto send = [&](int tile) {
    T* to = tiles + tile % 2 * kSize;
    send_rows<T, D>(to, k, p.of_k.row, tile * kTile, kTile, p.s);
    send_rows<T, D>(to + 2 * kSize, v, p.of_v.row, tile * kTile, kTile, p.s);
    end_of_group();
  };
  if (count > 0) send(0);
  const int lane = threadIdx.x & 31, query = first + warp * 16 + lane / 4;
  const float scale = p.scale * kLog2e;
  const int64_t mask = head.sample * p.of_mask.batch + head.head * p.of_mask.head;
  Row upper, lower;
  Sums sums[D / 8] = {};
  for (int tile = 0; tile < count; ++tile) {
    if (tile + 1 < count) send(tile + 1);
    if (tile + 1 < count) wait_for_groups<1>();
    if (tile + 1 == count) wait_for_groups<0>();
    __syncthreads();
    const T* tile_k = tiles + tile % 2 * kSize;
    Sums scores[kTile / 8];
    multiply_rows<T, D>(scores, tile_q, warp * 16, tile_k);
    const int last = (tile + 1) * kTile - 1;  // key of the tile
    const bool all_seen = !kMasked && last < p.s && (!p.causal || last <= first + p.s - p.t);
    each_score([&](int n, int e, int half, int column) {
      const bool seen = all_seen || sees(p, query + half * 8, tile * kTile + column);
      scores[n].v[e] = seen ? scores[n].v[e] * scale : -INFINITY;
      if (!kMasked || !seen) return;
      const int64_t place =
          mask + (query + half * 8) * p.of_mask.query + (tile * kTile + column) * p.of_mask.key;
      scores[n].v[e] = masked(p, place, scores[n].v[e]);
    });
    const float shrink_upper = take_scores(upper, scores, 0);
    const float shrink_lower = take_scores(lower, scores, 1);
    SUAN_UNROLL
    for (int n = 0; n < D / 8; ++n) {
      sums[n].v[0] *= shrink_upper;
      sums[n].v[1] *= shrink_upper;
      sums[n].v[2] *= shrink_lower;
      sums[n].v[3] *= shrink_lower;
    }
    add_weighted<T, D>(sums, scores, tile_k + 2 * kSize);
    __syncthreads();  // before the tile is overwritten
  }
  upper.total = row_reduce<Plus>(upper.total);
  lower.total = row_reduce<Plus>(lower.total);
  const auto inverse = [](float total) { return total > 0 ? 1 / total : 0; };
  write_rows<T, D>(at<T>(p.y, p.of_y, head.sample, head.head), p.of_y.row, first + warp * 16, p.t,
                   sums, inverse(upper.total), inverse(lower.total));
  if (lane % 4 != 0 || !p.logsumexp) return;
  float* line = p.logsumexp + (static_cast<int64_t>(head.sample) * p.h + head.head) * p.t;
  if (query < p.t) line[query] = (upper.top + log2f(upper.total)) * kLn2;
  if (query + 8 < p.t) line[query + 8] = (lower.top + log2f(lower.total)) * kLn2;
}

// delta = <g, y> - g_logsumexp, a warp to a row.
template <class T>
__device__ inline void attention_delta(const AttentionParams& p, int d) {
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x & 31;
  if (row >= p.t) return;
  const Head head(p.h);
  const T* y = at<T>(p.y_in, p.of_y, head.sample, head.head) + row * p.of_y.row;
  const T* g = at<T>(p.g, p.of_y, head.sample, head.head) + row * p.of_y.row;
  float sum = 0;
  for (int i = lane; i < d; i += 32) sum += widen(y[i]) * widen(g[i]);
  sum = warp_reduce<Plus>(sum);
  if (lane != 0) return;
  const int64_t place = (static_cast<int64_t>(head.sample) * p.h + head.head) * p.t + row;
  p.delta[place] = sum - (p.g_logsumexp ? p.g_logsumexp[place] : 0.0f);
}

// The weights and the gradients of the scores, both as they lie in `scores` and `products`:
// w = exp(scale score - logsumexp), e = w (product - delta).
__device__ inline void score_gradients(float& score, float& product, float scale, float logsumexp,
                                       float delta, bool seen) {
  const bool weighs = seen && logsumexp != -INFINITY;
  score = weighs ? exp2f(score * scale - logsumexp * kLog2e) : 0;
  product = score * (product - delta);
}

// The gradients in 64 keys and values of one head: queries of all heads that share it come by.
template <class T, int D>
__device__ inline void attention_gradient_kv(const AttentionParams& p) {
  SUAN_DYNAMIC_SHARED(memory);
  constexpr int kSize = kTile * kPitch<D>;
  T* tile_k = reinterpret_cast<T*>(memory);
  T *tile_v = tile_k + kSize, *tile_q = tile_v + kSize, *tile_g = tile_q + kSize;
  float* logsumexp = reinterpret_cast<float*>(tile_g + kSize);
  float* delta = logsumexp + kTile;
  const Head head(p.h_kv);
  const int group = p.h / p.h_kv, warp = threadIdx.x / 32, lane = threadIdx.x & 31;
  const int first = blockIdx.x * kTile;  // of the keys
  send_rows<T, D>(tile_k, at<T>(p.k, p.of_k, head.sample, head.head), p.of_k.row, first, kTile,
                  p.s);
  send_rows<T, D>(tile_v, at<T>(p.v, p.of_v, head.sample, head.head), p.of_v.row, first, kTile,
                  p.s);
  Sums gk[D / 8] = {}, gv[D / 8] = {};
  const int begin = p.causal ? max(0, first - (p.s - p.t)) / kTile * kTile : 0;
  for (int member = 0; member < group; ++member) {
    const int h = head.head * group + member;
    const int64_t line = (static_cast<int64_t>(head.sample) * p.h + h) * p.t;
    for (int query = begin; query < p.t; query += kTile) {
      __syncthreads();  // all have read the tiles before
      send_rows<T, D>(tile_q, at<T>(p.q, p.of_q, head.sample, h), p.of_q.row, query, kTile, p.t);
      send_rows<T, D>(tile_g, at<T>(p.g, p.of_y, head.sample, h), p.of_y.row, query, kTile, p.t);
      end_of_group();
      for (int i = threadIdx.x; i < kTile; i += blockDim.x) {
        const bool is_there = query + i < p.t;
        logsumexp[i] = is_there ? p.logsumexp[line + query + i] : -INFINITY;
        delta[i] = is_there ? p.delta[line + query + i] : 0;
      }
      wait_for_groups<0>();
      __syncthreads();
      Sums weights[kTile / 8], products[kTile / 8];  // [key, query]
      multiply_rows<T, D>(weights, tile_k, warp * 16, tile_q);
      multiply_rows<T, D>(products, tile_v, warp * 16, tile_g);
      each_score([&](int n, int e, int half, int column) {
        const int key = first + warp * 16 + lane / 4 + half * 8;
        score_gradients(weights[n].v[e], products[n].v[e], p.scale * kLog2e, logsumexp[column],
                        delta[column], sees(p, query + column, key));
      });
      add_weighted<T, D>(gv, weights, tile_g);
      add_weighted<T, D>(gk, products, tile_q);
    }
  }
  write_rows<T, D>(at<T>(p.gk, p.of_k, head.sample, head.head), p.of_k.row, first + warp * 16, p.s,
                   gk, p.scale, p.scale);
  write_rows<T, D>(at<T>(p.gv, p.of_v, head.sample, head.head), p.of_v.row, first + warp * 16, p.s,
                   gv, 1, 1);
}

// The gradient in 64 queries of one head: keys and values come by.
template <class T, int D>
__device__ inline void attention_gradient_q(const AttentionParams& p) {
  SUAN_DYNAMIC_SHARED(memory);
  constexpr int kSize = kTile * kPitch<D>;
  T* tile_q = reinterpret_cast<T*>(memory);
  T *tile_g = tile_q + kSize, *tile_k = tile_g + kSize, *tile_v = tile_k + kSize;
  const Head head(p.h);
  const int kv = head.head / (p.h / p.h_kv), warp = threadIdx.x / 32, lane = threadIdx.x & 31;
  const int first = (gridDim.x - 1 - blockIdx.x) * kTile;
  send_rows<T, D>(tile_q, at<T>(p.q, p.of_q, head.sample, head.head), p.of_q.row, first, kTile,
                  p.t);
  send_rows<T, D>(tile_g, at<T>(p.g, p.of_y, head.sample, head.head), p.of_y.row, first, kTile,
                  p.t);
  const int64_t line = (static_cast<int64_t>(head.sample) * p.h + head.head) * p.t;
  const int query = first + warp * 16 + lane / 4;
  float logsumexp[2], delta[2];
  SUAN_UNROLL
  for (int half = 0; half < 2; ++half) {
    const bool is_there = query + half * 8 < p.t;
    logsumexp[half] = is_there ? p.logsumexp[line + query + half * 8] : -INFINITY;
    delta[half] = is_there ? p.delta[line + query + half * 8] : 0;
  }
  int keys = p.s;
  if (p.causal) keys = min(keys, min(first + kTile, p.t) + p.s - p.t);
  Sums gq[D / 8] = {};
  for (int key = 0; key < keys; key += kTile) {
    __syncthreads();
    send_rows<T, D>(tile_k, at<T>(p.k, p.of_k, head.sample, kv), p.of_k.row, key, kTile, p.s);
    send_rows<T, D>(tile_v, at<T>(p.v, p.of_v, head.sample, kv), p.of_v.row, key, kTile, p.s);
    end_of_group();
    wait_for_groups<0>();
    __syncthreads();
    Sums weights[kTile / 8], products[kTile / 8];  // [query, key]
    multiply_rows<T, D>(weights, tile_q, warp * 16, tile_k);
    multiply_rows<T, D>(products, tile_g, warp * 16, tile_v);
    each_score([&](int n, int e, int half, int column) {
      score_gradients(weights[n].v[e], products[n].v[e], p.scale * kLog2e, logsumexp[half],
                      delta[half], sees(p, query + half * 8, key + column));
    });
    add_weighted<T, D>(gq, products, tile_k);
  }
  write_rows<T, D>(at<T>(p.gq, p.of_q, head.sample, head.head), p.of_q.row, first + warp * 16, p.t,
                   gq, p.scale, p.scale);
}

}  // namespace

#define SUAN_ATTENTION(suffix, T, D)                                                         \
  SUAN_GLOBAL(attention_forward_##suffix##_##D, AttentionParams) {                           \
    attention_forward<T, D, false>(p);                                                       \
  }                                                                                          \
  SUAN_GLOBAL(attention_forward_masked_##suffix##_##D, AttentionParams) {                    \
    attention_forward<T, D, true>(p);                                                        \
  }                                                                                          \
  SUAN_GLOBAL(attention_delta_##suffix##_##D, AttentionParams) { attention_delta<T>(p, D); } \
  SUAN_GLOBAL(attention_gradient_kv_##suffix##_##D, AttentionParams) {                       \
    attention_gradient_kv<T, D>(p);                                                          \
  }                                                                                          \
  SUAN_GLOBAL(attention_gradient_q_##suffix##_##D, AttentionParams) {                        \
    attention_gradient_q<T, D>(p);                                                           \
  }
#define SUAN_ATTENTION_SIZES(suffix, T) \
  SUAN_ATTENTION(suffix, T, 32)         \
  SUAN_ATTENTION(suffix, T, 64)         \
  SUAN_ATTENTION(suffix, T, 128)

SUAN_ATTENTION_SIZES(bf16, Bf16)
SUAN_ATTENTION_SIZES(f16, F16)
