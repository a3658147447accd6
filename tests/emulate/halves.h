// 16-bit floats of the kernels' head (device.cuh) by the library's own types.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/cuda/kernels/device.cuh"
#include "suan/base/dtype.h"

inline float widen(Bf16 x) {
  suan::bfloat16 y;
  y.bits = x.bits;
  return y;
}
inline float widen(F16 x) {
  suan::float16 y;
  y.bits = x.bits;
  return y;
}
inline void narrow(float x, Bf16& y) { y.bits = suan::bfloat16(x).bits; }
inline void narrow(float x, F16& y) { y.bits = suan::float16(x).bits; }
