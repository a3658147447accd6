// Products and copies that take long enough to be timed, the fastest of several.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/gpu_peak.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>

#include "suan/backend/cuda/noise.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

constexpr size_t kScratch = size_t{32} << 20;  // what cuBLASLt wants on Hopper
constexpr int kRuns = 10;

// Of one run, in the fastest of several rounds; the first round warms up.
double seconds_of(Gpu& gpu, const std::function<void()>& run) {
  constexpr int kRounds = 6;
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double seconds = gpu.seconds_of([&] {
      for (int i = 0; i < kRuns; ++i) run();
    });
    if (round > 0) best = best == 0 ? seconds : std::min(best, seconds);
  }
  return best / kRuns;
}

DeviceBlockPtr made_up(Gpu& gpu, DType dtype, int64_t elements, uint64_t seed) {
  DeviceBlockPtr block = gpu.allocate(static_cast<size_t>(elements) * size_of(dtype));
  const Noise noise(block->address(), dtype, elements, seed);
  gpu.launch(gpu.own(noise.kernel), noise.launch, &noise.params, sizeof(noise.params));
  return block;
}

double product_gflops(Gpu& gpu, DType dtype, bool tf32, int64_t size) {
  ProductSpec spec{.m = size, .n = size, .k = size, .transpose_b = true};
  spec.dtype = spec.result = dtype;
  spec.tf32 = tf32;
  spec.scratch_bytes = kScratch;
  const int64_t elements = size * size;
  const DeviceBlockPtr a = made_up(gpu, dtype, elements, 1), b = made_up(gpu, dtype, elements, 2);
  const DeviceBlockPtr y = gpu.allocate(static_cast<size_t>(elements) * size_of(dtype));
  const DeviceBlockPtr scratch = gpu.allocate(kScratch);
  const auto product = gpu.product(spec);
  const double seconds = seconds_of(gpu, [&] {
    product->run({.a = a->address(),
                  .b = b->address(),
                  .bias = nullptr,
                  .residual = nullptr,
                  .preactivation = nullptr,
                  .y = y->address(),
                  .scratch = scratch->address()});
  });
  const auto n = static_cast<double>(size);
  return 2 * n * n * n / seconds / 1e9;
}

double copy_gbytes(Gpu& gpu, size_t bytes) {
  const DeviceBlockPtr from = made_up(gpu, DType::f32, static_cast<int64_t>(bytes / 4), 1);
  const DeviceBlockPtr to = gpu.allocate(bytes);
  const double seconds = seconds_of(gpu, [&] { gpu.copy(to->address(), from->address(), bytes); });
  return 2 * static_cast<double>(bytes) / seconds / 1e9;
}

// With half of what was asked for while memory is short, down to a sixteenth.
template <class Measure, class Size>
double where_it_fits(const Measure& measure, Size size) {
  for (const Size least = size / 16;; size /= 2) {
    try {
      return measure(size);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kSystem || size / 2 < least) throw;
    }
  }
}

// Parts of a GPU (MIG) go by the same model.
std::string cache_key(const GpuTraits& traits) {
  return fmt::format("{}, {} multiprocessors, {} bytes", traits.model, traits.multiprocessors,
                     traits.memory_bytes);
}

}  // namespace

GpuPeak measure_gpu(Gpu& gpu, const GpuWork& work) {
  const auto product = [&](DType dtype, bool tf32) {
    return where_it_fits([&](int64_t n) { return product_gflops(gpu, dtype, tf32, n); }, work.size);
  };
  GpuPeak peak;
  peak.f32_gflops = product(DType::f32, false);
  peak.tf32_gflops = product(DType::f32, true);
  peak.bf16_gflops = product(DType::bf16, false);
  peak.f16_gflops = product(DType::f16, false);
  peak.copy_gbytes =
      where_it_fits([&](size_t bytes) { return copy_gbytes(gpu, bytes); }, work.copy_bytes);
  keep_figures(cache_key(gpu.traits()),
               std::array{peak.f32_gflops, peak.tf32_gflops, peak.bf16_gflops, peak.f16_gflops,
                          peak.copy_gbytes});
  return peak;
}

GpuPeak measure_gpu(Gpu& gpu) { return measure_gpu(gpu, {}); }

bool load_gpu_peak(const GpuTraits& traits, GpuPeak& peak) {
  double figures[5] = {};
  if (!load_figures(cache_key(traits), figures)) return false;
  peak = {figures[0], figures[1], figures[2], figures[3], figures[4]};
  return true;
}

GpuPeak gpu_peak(Gpu& gpu) {
  GpuPeak peak;
  return load_gpu_peak(gpu.traits(), peak) ? peak : measure_gpu(gpu);
}

Roofline gpu_roofline(const GpuPeak& peak, Arithmetic precision) {
  switch (precision) {
    case Arithmetic::tf32:
      return {peak.tf32_gflops, peak.copy_gbytes};
    case Arithmetic::bf16:
    case Arithmetic::fp8:  // most of whose work is in bf16
      return {peak.bf16_gflops, peak.copy_gbytes};
    case Arithmetic::f16:
      return {peak.f16_gflops, peak.copy_gbytes};
    default:
      return {peak.f32_gflops, peak.copy_gbytes};
  }
}

}  // namespace suan::cuda
