// Sets all elements of a block: fill_b1 to fill_b8 to the same bits, noise_f32 to noise_f64 to
// made-up numbers between -1 and 1, on which algorithms are compared.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/device.cuh"
#include "suan/backend/cuda/kernels/fill_params.h"

template <class T>
__device__ void fill(const FillParams& p) {
  T* y = static_cast<T*>(p.y);
  const T value = static_cast<T>(p.bits);
  for (int64_t i = thread_number(); i < p.n; i += thread_count()) y[i] = value;
}
SUAN_KERNELS_FOR_SIZES(fill, FillParams)

template <class T>
__device__ void noise(const FillParams& p) {
  T* y = static_cast<T*>(p.y);
  for (int64_t i = thread_number(); i < p.n; i += thread_count()) {
    uint32_t x = static_cast<uint32_t>(i + static_cast<int64_t>(p.bits)) * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x ^= x >> 13;
    put(y, i, static_cast<float>(static_cast<int32_t>(x)) * 4.656612873e-10f);
  }
}
SUAN_KERNELS_FOR_FLOATS(noise, FillParams)
SUAN_KERNEL(noise, f8e4m3fn, F8e4m3, FillParams)
SUAN_KERNEL(noise, f8e5m2, F8e5m2, FillParams)
