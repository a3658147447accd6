// Division by a Divider. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/device.cuh"
#include "suan/backend/cuda/kernels/divider.h"

__device__ inline uint64_t quotient(uint64_t n, const suan::cuda::Divider& d) {
  if (n >> 31 != 0) return n / d.by;
  if (d.by == 1) return n;
  return __umulhi(static_cast<uint32_t>(n), d.factor) >> d.shift;
}
// n becomes its quotient; gives the remainder.
__device__ inline uint64_t split(uint64_t& n, const suan::cuda::Divider& d) {
  const uint64_t q = quotient(n, d), rest = n - q * d.by;
  n = q;
  return rest;
}
