// Resizing along one axis as weighted sums of known elements.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/resize_params.h"

namespace resizes {

using namespace suan::cuda;

template <class T>
__device__ inline void resize(const ResizeParams& p) {
  using C = Compute<T>;
  const auto inner = static_cast<int64_t>(p.inner.by);
  const C* weight = static_cast<const C*>(p.weight);
  for (uint64_t t = thread_number(); t < p.count; t += thread_count()) {
    uint64_t rest = t;
    const int64_t i = split(rest, p.inner), s = split(rest, p.size);
    const T* x = static_cast<const T*>(p.x) + static_cast<int64_t>(rest) * p.inputs * inner + i;
    C sum = 0;
    for (int k = p.first[s]; k < p.first[s + 1]; ++k) {
      sum += weight[k] * get<C>(x, p.at[k] * inner);
    }
    put(static_cast<T*>(p.y), t, sum);
  }
}

SUAN_KERNELS_FOR_FLOATS(resize, ResizeParams)

}  // namespace resizes
