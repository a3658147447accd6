// Cross-entropy in three launches: rows that count, then each row's loss and slope, then the mean.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/cross_entropy_params.h"
#include "suan/backend/cuda/kernels/row.cuh"

namespace cross_entropy_kernels {

using suan::cuda::CrossEntropyParams;

struct Smallest {
  template <class T>
  static __device__ inline T combine(T a, T b) {
    return b < a ? b : a;
  }
};

__device__ inline int64_t label_of(const CrossEntropyParams& p, int64_t row) {
  return p.narrow_labels ? static_cast<const int32_t*>(p.labels)[row]
                         : static_cast<const int64_t*>(p.labels)[row];
}
__device__ inline bool is_outside(const CrossEntropyParams& p, int64_t label) {
  return label < 0 || label >= p.length;
}

// One block; the first row with a label that does not exist is reported.
__device__ inline void count(const CrossEntropyParams& p) {
  int64_t counted = 0, wrong = p.rows;
  for (int64_t r = threadIdx.x; r < p.rows; r += blockDim.x) {
    const int64_t label = label_of(p, r);
    if (label == p.ignore_index) continue;
    ++counted;
    if (is_outside(p, label) && r < wrong) wrong = r;
  }
  counted = block_reduce<Plus>(counted, int64_t(0));
  wrong = block_reduce<Smallest>(wrong, p.rows);
  if (threadIdx.x != 0) return;
  *p.counted = counted;
  if (wrong < p.rows) {
    report(static_cast<DeviceFault*>(p.fault), p.step, p.kind, label_of(p, wrong), wrong, p.length);
  }
}

// The sum of a row and its element at the label. Slopes may take the place of logits, so the
// element is not read where another thread might have written.
template <class T, class Row, class C>
__device__ inline void sum_and_pick(const CrossEntropyParams& p, const Row& row, const T* x,
                                    int64_t label, C& sum, C& picked) {
  const bool smooth = p.smoothing > 0;
  if (Row::kHeld || smooth) {
    row.each([&](auto access, int64_t i, int slot) {
      C v[decltype(access)::kWidth];
      row.get(access, i, slot, v);
      SUAN_UNROLL
      for (int k = 0; k < decltype(access)::kWidth; ++k) {
        sum += v[k];
        if (i + k == label) picked = v[k];
      }
    });
    if (smooth) sum = Row::Team::template reduce<Plus>(sum, C(0));
  }
  if (Row::kHeld) {
    picked = Row::Team::template reduce<Plus>(picked, C(0));
  } else {
    picked = get<C>(x, label);
  }
}

template <class T, class Row>
__device__ inline void cross_entropy(const CrossEntropyParams& p) {
  using C = typename Row::C;
  const C weight = C(1) / C(*p.counted), smoothing = C(p.smoothing);
  for (int64_t r = Row::Team::first(); r < p.rows; r += Row::Team::step()) {
    const int64_t label = label_of(p, r);
    const bool ignored = label == p.ignore_index || is_outside(p, label);
    const T* x = static_cast<const T*>(p.x) + r * p.length;
    T* slope = static_cast<T*>(p.slope) + r * p.length;
    Row row(x, ignored ? 0 : p.length);
    C sum = 0, picked = 0, factor = 0, offset = 0, loss = 0;
    if (!ignored) {
      sum_and_pick(p, row, x, label, sum, picked);
      const ExpSum<C> s = exp_sum_of(row, p.slope != nullptr);
      const C share = smoothing / C(p.length);
      loss = rows::log(s.total) - (C(1) - smoothing) * (picked - s.top);
      if (p.smoothing > 0) loss -= smoothing * (sum / C(p.length) - s.top);
      factor = weight / s.total;
      offset = weight * share;
      sum = s.top;
    }
    if (Row::Team::rank() == 0) static_cast<C*>(p.row_losses)[r] = loss;
    if (!p.slope) continue;
    if (ignored) {
      for (int64_t i = Row::Team::rank(); i < p.length; i += Row::Team::size()) {
        put(slope, i, C(0));
      }
      continue;
    }
    row.each([&](auto access, int64_t i, int slot) {
      C v[decltype(access)::kWidth];
      row.get(access, i, slot, v);
      SUAN_UNROLL
      for (int k = 0; k < decltype(access)::kWidth; ++k) {
        v[k] = (Row::kHeld ? v[k] : rows::exp(v[k] - sum)) * factor - offset;
        if (i + k == label) v[k] -= weight * (C(1) - smoothing);
      }
      write(access, slope, i, v);
    });
  }
}

// One block.
template <class C>
__device__ inline void mean_of_rows(const CrossEntropyParams& p) {
  double total = 0;
  for (int64_t r = threadIdx.x; r < p.rows; r += blockDim.x) {
    total += static_cast<double>(static_cast<const C*>(p.row_losses)[r]);
  }
  total = block_reduce<Plus>(total, 0.0);
  if (threadIdx.x == 0) {
    *static_cast<C*>(p.loss) = static_cast<C>(total / static_cast<double>(*p.counted));
  }
}

SUAN_BOUNDED(512, cross_entropy_count, CrossEntropyParams) { count(p); }
SUAN_ROW_KERNELS(cross_entropy, CrossEntropyParams)
SUAN_BOUNDED(512, cross_entropy_mean_f32, CrossEntropyParams) { mean_of_rows<float>(p); }
SUAN_BOUNDED(512, cross_entropy_mean_f64, CrossEntropyParams) { mean_of_rows<double>(p); }

}  // namespace cross_entropy_kernels
