// CUDA kernels along rows and columns of more sizes than the cases of the ops have: each of their
// schedules, against the reference in f64. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "suan/backend/kernel.h"
#include "suan/base/random.h"
#include "suan/ops/argmax.h"
#include "suan/ops/softmax.h"
#include "suan/ops/statistics.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

// The kernels that the case's forward pass launched, after comparing its numbers.
std::vector<std::string> compare_on_gpu(std::vector<In> inputs, const Build& build, DType dtype,
                                        double tolerance = 1) {
  OpCase c{"", std::move(inputs), build, {.gradient = false, .tolerance = tolerance}};
  emulate::EmulatedGpu& gpu = emulate::emulated_gpu();
  gpu.launched.clear();
  SCOPED_TRACE(fmt::format("{} {}", name(dtype), to_string(c.inputs[0].shape)));
  compare_floats(c, dtype, emulate::emulated_backend());
  return gpu.launched;
}

void expect_launched(const std::vector<std::string>& launched, const std::string& kernel) {
  EXPECT_TRUE(std::count(launched.begin(), launched.end(), kernel)) << kernel;
}

TEST(CudaSoftmax, HasAKernelForEachLengthOfRows) {
  const std::pair<int64_t, std::string> lengths[] = {
      {10, "warp8_f32"},         {256, "warp8_wide_f32"}, {1021, "warp32_f32"},
      {1024, "warp32_wide_f32"}, {1025, "block16_f32"},   {8192, "block16_wide_f32"},
      {8200, "stream_f32"},      {9001, "stream_f32"}};
  for (const auto& [length, kernel] : lengths) {
    const Build f = [](const Tensors& x) { return softmax(x[0]); };
    const Build g = [](const Tensors& x) { return log_softmax(x[0]); };
    expect_launched(compare_on_gpu({real({3, length})}, f, DType::f32), "softmax_" + kernel);
    compare_on_gpu({real({3, length}, -9, 9)}, g, DType::f32);
    for (DType dtype : {DType::bf16, DType::f64}) compare_on_gpu({real({3, length})}, f, dtype);
  }
}
TEST(CudaSoftmax, TakesColumns) {
  for (const Shape& shape : {Shape{2, 300, 5}, Shape{3, 1000, 40}, Shape{1, 4, 100}}) {
    const Build f = [](const Tensors& x) { return softmax(x[0], 1); };
    expect_launched(compare_on_gpu({real(shape)}, f, DType::f32), "softmax_columns_f32");
    compare_on_gpu({real(shape)}, f, DType::f16);
  }
}
TEST(CudaSoftmax, OfInfinitiesIsAsOnTheCpu) {
  for (int64_t length : {3, 9000}) {
    std::vector<double> values(static_cast<size_t>(4 * length), 1.0);
    const auto row = [&](int64_t r) { return values.begin() + r * length; };
    row(0)[1] = INFINITY;
    row(1)[1] = -INFINITY;
    std::fill_n(row(2), length, -INFINITY);
    row(3)[1] = NAN;
    for (int64_t axis : {0, 1}) {
      const Build g = [=](const Tensors& x) { return softmax(x[0], axis); };
      OpCase c{"", {given({4, length}, values)}, g, {.gradient = false}};
      compare_floats(c, DType::f32, emulate::emulated_backend());
    }
  }
}

using Reduction = Tensor (*)(const Tensor&, std::vector<int64_t>, bool);
const Reduction kVariance = [](const Tensor& x, std::vector<int64_t> axes, bool keep) {
  return var(x, std::move(axes), keep, 1);
};

struct ReducedShape {
  Shape shape;
  std::vector<int64_t> axes;
  std::vector<std::string> kernels;  // that sum in f32 launches, without "sum_" and "_f32"
};
const ReducedShape kReducedShapes[] = {
    {{700, 37}, {1}, {"rows"}},
    {{600, 2052}, {1}, {"rows_wide"}},
    {{2, 30000}, {1}, {"rows_wide", "merge"}},
    {{3, 4099}, {1}, {"rows"}},
    {{70001}, {0}, {"rows", "merge"}},
    {{6, 5, 49, 7}, {0, 2, 3}, {"rows"}},
    {{3, 4, 5, 6, 8}, {0, 2, 4}, {"rows_wide"}},
    {{9, 3, 20, 2, 12}, {0, 2, 4}, {"rows_wide"}},
    {{40, 3, 16, 16}, {0, 2, 3}, {"rows_wide", "merge"}},
    {{300, 7}, {0}, {"columns"}},
    {{5000, 24}, {0}, {"columns_wide", "merge"}},
    {{4, 300, 132}, {1}, {"columns_wide", "merge"}},
    {{3, 2, 5, 2, 9}, {1, 3}, {"columns"}},
    {{64, 11, 64, 5}, {0, 2}, {"columns", "merge"}},
};

TEST(CudaReductions, HaveAKernelForEachShape) {
  for (const ReducedShape& s : kReducedShapes) {
    const Build f = [&](const Tensors& x) { return sum(x[0], s.axes); };
    const auto launched = compare_on_gpu({real(s.shape)}, f, DType::f32);
    for (const std::string& kernel : s.kernels) {
      expect_launched(launched, "sum_" + kernel + "_f32");
    }
  }
}
// One of each dtype in turn: the emulator is slow.
TEST(CudaReductions, OfEachOpAgreeInEachShape) {
  const Reduction reductions[] = {max, min, kVariance, logsumexp};
  const DType dtypes[] = {DType::f32, DType::bf16, DType::f64};
  size_t turn = 0;
  for (const ReducedShape& s : kReducedShapes) {
    for (const Reduction reduce : reductions) {
      const Build f = [&](const Tensors& x) { return reduce(x[0], s.axes, true); };
      compare_on_gpu({real(s.shape)}, f, dtypes[turn++ % 3]);
    }
  }
}
TEST(CudaReductions, OfIntegersAgreeInEachShape) {
  const Reduction reductions[] = {sum, max, min};
  const DType dtypes[] = {DType::i64, DType::u8, DType::i32, DType::i8};
  size_t turn = 0;
  for (const ReducedShape& s : kReducedShapes) {
    const Reduction reduce = reductions[turn % 3];
    const Build f = [&](const Tensors& x) { return reduce(x[0], s.axes, false); };
    OpCase c{"", {real(s.shape)}, f, {.integers = true}};
    emulate::emulated_gpu().launched.clear();
    compare_integers(c, dtypes[turn++ % 4], emulate::emulated_backend());
    EXPECT_FALSE(emulate::emulated_gpu().launched.empty());
  }
}
TEST(CudaReductions, FindPositionsInEachShape) {
  size_t turn = 0;
  for (const ReducedShape& s : kReducedShapes) {
    if (s.axes.size() > 1) continue;
    const auto find = ++turn % 2 ? argmax : argmin;
    const Build f = [&](const Tensors& x) { return find(x[0], s.axes[0], false); };
    EXPECT_FALSE(compare_on_gpu({whole(s.shape, -40, 40, DType::f32)}, f, DType::f32).empty());
  }
}

}  // namespace
}  // namespace suan
