// Elements chosen by indices, which are bounded here: gather_* rows, take_* single elements,
// check_range_* of integers. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/faults.cuh"
#include "suan/backend/cuda/kernels/gather_params.h"

namespace gathers {

using namespace suan::cuda;
using Piece = Vec<uint64_t, 2>;
constexpr int kAtOnce = 4;  // loads that a thread has under way

template <class T>
__device__ inline void gather(const GatherParams& p) {
  const T* from = static_cast<const T*>(p.from);
  T* to = static_cast<T*>(p.to);
  const uint64_t step = thread_count();
  for (uint64_t at = thread_number(); at < p.count; at += step * kAtOnce) {
    T value[kAtOnce];
    bool good[kAtOnce];
    SUAN_UNROLL
    for (int e = 0; e < kAtOnce; ++e) {
      uint64_t rest = at + e * step;
      good[e] = rest < p.count;
      if (!good[e]) continue;
      const int64_t i = split(rest, p.inner), j = split(rest, p.indices);
      const int64_t position = position_of(p.list, j);
      good[e] = position >= 0;
      if (!good[e]) continue;
      const int64_t row = static_cast<int64_t>(rest) * p.list.size + position;
      value[e] = from[row * static_cast<int64_t>(p.inner.by) + i];
    }
    SUAN_UNROLL
    for (int e = 0; e < kAtOnce; ++e) {
      if (good[e]) to[at + e * step] = value[e];
    }
  }
}

template <class T>
__device__ inline void take(const TakeParams& p) {
  const T* from = static_cast<const T*>(p.from);
  T* to = static_cast<T*>(p.to);
  for (uint64_t at = thread_number(); at < p.count; at += thread_count()) {
    const int64_t position = position_of(p.list, static_cast<int64_t>(at));
    if (position < 0) continue;
    uint64_t rest = at;
    int64_t source = position * p.axis_step;
    for (int d = 0; d < p.rank; ++d) source += split(rest, p.dims[d].size) * p.dims[d].step;
    to[at] = from[source];
  }
}

template <class T>
__device__ inline void check_range(const RangeParams& p) {
  const T* from = static_cast<const T*>(p.from);
  T* to = static_cast<T*>(p.to);
  for (uint64_t at = thread_number(); at < p.count; at += thread_count()) {
    const T element = from[at];
    const auto value = static_cast<int64_t>(element);
    if (value < p.low || value > p.high) {
      report(static_cast<DeviceFault*>(p.fault), p.step, kOutOfRange, value,
             static_cast<int64_t>(at), p.low, p.high);
    }
    to[at] = element;
  }
}

SUAN_KERNELS_FOR_SIZES(gather, GatherParams)
SUAN_KERNEL(gather, b16, Piece, GatherParams)
SUAN_KERNELS_FOR_SIZES(take, TakeParams)
SUAN_KERNEL(check_range, i64, int64_t, RangeParams)
SUAN_KERNEL(check_range, i32, int32_t, RangeParams)
SUAN_KERNEL(check_range, i16, int16_t, RangeParams)
SUAN_KERNEL(check_range, i8, int8_t, RangeParams)
SUAN_KERNEL(check_range, u64, uint64_t, RangeParams)
SUAN_KERNEL(check_range, u32, uint32_t, RangeParams)
SUAN_KERNEL(check_range, u16, uint16_t, RangeParams)
SUAN_KERNEL(check_range, u8, uint8_t, RangeParams)

}  // namespace gathers
