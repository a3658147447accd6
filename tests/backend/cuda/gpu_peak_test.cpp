// The measured rates of GPUs whose work takes a known time.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/gpu_peak.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "suan/backend/cuda/null_gpu.h"
#include "suan/base/error.h"
#include "tests/expect_error.h"
#include "tests/temp_cache.h"

namespace suan::cuda {
namespace {

// Takes a millisecond for whatever it is timed with.
class SlowGpu final : public NullGpu {
 public:
  size_t most = SIZE_MAX;  // bytes of a block
  int timed = 0;
  DeviceBlockPtr allocate(size_t bytes) override {
    if (bytes > most) fail(ErrorCode::kSystem, "cuda", "out of memory: {} bytes", bytes);
    return NullGpu::allocate(bytes);
  }
  double seconds_of(const std::function<void()>& work) override {
    work();
    return ++timed % 2 == 0 ? 1e-3 : 2e-3;  // the fastest counts
  }
};

class GpuPeakTest : public testing::Test {
 protected:
  const TempCache cache_;
  SlowGpu gpu_;
};

TEST_F(GpuPeakTest, IsThatOfTheFastestRound) {
  const GpuPeak peak = measure_gpu(gpu_, {.size = 100, .copy_bytes = 4000});
  for (const double gflops :
       {peak.f32_gflops, peak.tf32_gflops, peak.bf16_gflops, peak.f16_gflops}) {
    EXPECT_DOUBLE_EQ(gflops, 10 * 2e6 / 1e-3 / 1e9);  // ten runs a round
  }
  EXPECT_DOUBLE_EQ(peak.copy_gbytes, 10 * 8000 / 1e-3 / 1e9);
  const auto count = [&](const char* name) {
    return std::count(gpu_.sent.begin(), gpu_.sent.end(), name);
  };
  EXPECT_EQ(count("noise_bf16"), 2);  // operands are no zeros
  EXPECT_EQ(count("noise_f16"), 2);
  EXPECT_EQ(count("noise_f32"), 5);
}

TEST_F(GpuPeakTest, TakesSmallerMatricesWhereMemoryIsShort) {
  gpu_.most = size_t{32} << 20;  // scratch fits
  const GpuPeak peak = measure_gpu(gpu_, {.size = 4096, .copy_bytes = size_t{64} << 20});
  const auto rate = [](double n) { return 10 * 2 * n * n * n / 1e-3 / 1e9; };
  EXPECT_DOUBLE_EQ(peak.f32_gflops, rate(2048));
  EXPECT_DOUBLE_EQ(peak.bf16_gflops, rate(4096));
  EXPECT_DOUBLE_EQ(peak.copy_gbytes, 10 * 2 * (32 << 20) / 1e-3 / 1e9);
  gpu_.most = 100;
  EXPECT_ERROR(measure_gpu(gpu_, {.size = 64, .copy_bytes = 64}), kSystem,
               "cuda: out of memory: 33554432 bytes");
}

TEST_F(GpuPeakTest, IsMeasuredOnce) {
  GpuPeak peak;
  EXPECT_FALSE(load_gpu_peak(gpu_.traits(), peak));
  const GpuPeak measured = gpu_peak(gpu_);
  EXPECT_DOUBLE_EQ(measured.f32_gflops, 10 * 2.0 * 8192 * 8192 * 8192 / 1e-3 / 1e9);
  const int timed = gpu_.timed;
  EXPECT_NEAR(gpu_peak(gpu_).f32_gflops, measured.f32_gflops, 1e-4 * measured.f32_gflops);
  EXPECT_EQ(gpu_.timed, timed);
  GpuTraits other = gpu_.traits();
  other.multiprocessors = 60;  // a part of it
  EXPECT_FALSE(load_gpu_peak(other, peak));
  measure_gpu(gpu_, {.size = 16, .copy_bytes = 64});
  EXPECT_TRUE(load_gpu_peak(gpu_.traits(), peak));
  EXPECT_NEAR(peak.copy_gbytes, 10 * 128 / 1e-3 / 1e9, 1e-6);
}

TEST(GpuRoofline, IsThatOfThePrecision) {
  const GpuPeak peak{1, 2, 3, 4, 5};
  EXPECT_EQ(gpu_roofline(peak, Arithmetic::f32).gflops, 1);  // products are not rounded to TF32
  EXPECT_EQ(gpu_roofline(peak, Arithmetic::bf16).gflops, 3);
  EXPECT_EQ(gpu_roofline(peak, Arithmetic::f16).gflops, 4);
  EXPECT_EQ(gpu_roofline(peak, Arithmetic::bf16).gbytes, 5);
}

}  // namespace
}  // namespace suan::cuda
