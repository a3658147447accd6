// What a GPU can do at best, measured, so that every speed on it can be told as a share of that.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/backend/cuda/gpu.h"
#include "suan/target/machine.h"

namespace suan::cuda {

// Highest rates of products of large matrices, and of a copy within the GPU's memory, bytes read
// plus bytes written.
struct GpuPeak {
  double f32_gflops = 0, tf32_gflops = 0, bf16_gflops = 0, f16_gflops = 0;
  double copy_gbytes = 0;
};

// Measures now, in some seconds, and keeps the result for gpu_peak(). Throws Error where there are
// no products, or no memory for them.
GpuPeak measure_gpu(Gpu& gpu);
// From the cache file that machine_peak() uses: whether it has been measured.
bool load_gpu_peak(const GpuTraits& traits, GpuPeak& peak);
GpuPeak gpu_peak(Gpu& gpu);  // loaded, or measured first

Roofline gpu_roofline(const GpuPeak& peak, Arithmetic precision);

// What is measured: for tests.
struct GpuWork {
  int64_t size = 8192;  // of the matrices; smaller where memory is short
  size_t copy_bytes = size_t{1} << 30;
};
GpuPeak measure_gpu(Gpu& gpu, const GpuWork& work);

}  // namespace suan::cuda
