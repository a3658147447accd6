// Keys of indices, and a stable radix sort of them: sort_count, sort_scan and sort_place are one
// pass over eight bits. Nothing depends on the order of threads.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/faults.cuh"
#include "suan/backend/cuda/kernels/sort_params.h"

namespace sorts {

using namespace suan::cuda;
constexpr int kWarps = 8, kSteps = kSortTile / 256;

__device__ inline void index_keys(const KeysParams& p) {
  for (uint64_t at = thread_number(); at < p.count; at += thread_count()) {
    const int64_t position = position_of(p.list, static_cast<int64_t>(at));
    uint64_t rest = at;
    int64_t key = position * p.axis_step;
    for (int d = 0; d < p.rank; ++d) key += split(rest, p.dims[d].size) * p.dims[d].step;
    p.keys[at] = position < 0 ? p.none : static_cast<uint32_t>(key);
  }
}

__device__ inline uint32_t digit_of(const SortParams& p, uint32_t at) {
  return at < p.count ? (p.keys[at] >> p.shift) % kSortBins : kSortBins;
}

__device__ inline void count_digits(const SortParams& p) {
  __shared__ uint32_t counts[kSortBins];
  counts[threadIdx.x] = 0;
  __syncthreads();
  for (int k = 0; k < kSteps; ++k) {
    const uint32_t digit = digit_of(p, blockIdx.x * kSortTile + k * 256 + threadIdx.x);
    if (digit < kSortBins) atomicAdd(&counts[digit], 1u);
  }
  __syncthreads();
  p.counts[threadIdx.x * p.blocks + blockIdx.x] = counts[threadIdx.x];
}

// Sums of all counts before each, by one block of 1,024 threads, four counts each at a time.
__device__ inline void scan_counts(const SortParams& p) {
  __shared__ uint32_t sums[32];
  using Four = Vec<uint32_t, 4>;
  Four* counts = reinterpret_cast<Four*>(p.counts);
  const uint32_t fours = kSortBins / 4 * p.blocks;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  uint32_t before = 0;  // of earlier rounds
  for (uint32_t first = 0; first < fours; first += 1024) {
    const uint32_t at = first + threadIdx.x;
    Four four = {};
    if (at < fours) four = counts[at];
    const uint32_t mine = four.v[0] + four.v[1] + four.v[2] + four.v[3];
    uint32_t sum = mine;
    for (int step = 1; step < 32; step *= 2) {
      const uint32_t other = __shfl_up_sync(0xffffffffu, sum, step);
      if (lane >= step) sum += other;
    }
    if (lane == 31) sums[warp] = sum;
    __syncthreads();
    uint32_t total = 0, warps_before = 0;
    for (int w = 0; w < 32; ++w) {
      if (w == warp) warps_before = total;
      total += sums[w];
    }
    uint32_t next = before + warps_before + sum - mine;
    for (int k = 0; k < 4; ++k) {
      const uint32_t count = four.v[k];
      four.v[k] = next;
      next += count;
    }
    if (at < fours) counts[at] = four;
    before += total;
    __syncthreads();
  }
}

// A warp has 256 keys in a row; keys with the same digit in a step are told apart by their lanes.
__device__ inline void place_keys(const SortParams& p) {
  __shared__ uint32_t base[kWarps][kSortBins];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const uint32_t first = blockIdx.x * kSortTile + warp * (kSteps * 32) + lane;
  for (int w = 0; w < kWarps; ++w) base[w][threadIdx.x] = 0;
  __syncthreads();
  for (int k = 0; k < kSteps; ++k) {
    const uint32_t digit = digit_of(p, first + k * 32);
    const unsigned same = __match_any_sync(0xffffffffu, digit);
    if (digit < kSortBins && lane == __ffs(same) - 1) base[warp][digit] += __popc(same);
    __syncwarp();
  }
  __syncthreads();
  uint32_t next = p.counts[threadIdx.x * p.blocks + blockIdx.x];
  for (int w = 0; w < kWarps; ++w) {
    const uint32_t count = base[w][threadIdx.x];
    base[w][threadIdx.x] = next;
    next += count;
  }
  __syncthreads();
  for (int k = 0; k < kSteps; ++k) {
    const uint32_t at = first + k * 32, digit = digit_of(p, at);
    const unsigned same = __match_any_sync(0xffffffffu, digit);
    uint32_t to = 0;
    if (digit < kSortBins) to = base[warp][digit] + __popc(same & ((1u << lane) - 1));
    __syncwarp();
    if (digit < kSortBins) {
      if (lane == __ffs(same) - 1) base[warp][digit] += __popc(same);
      p.keys_to[to] = p.keys[at];
      p.order_to[to] = p.order ? p.order[at] : at;
    }
    __syncwarp();
  }
}

SUAN_GLOBAL(index_keys_u32, KeysParams) { index_keys(p); }
SUAN_GLOBAL(sort_count, SortParams) { count_digits(p); }
SUAN_GLOBAL(sort_scan, SortParams) { scan_counts(p); }
SUAN_GLOBAL(sort_place, SortParams) { place_keys(p); }

}  // namespace sorts
