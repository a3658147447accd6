// CUDA kernels on shapes that the cases of the ops are too small for: every way a kernel moves
// data, against the reference backend. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "suan/backend/kernel.h"
#include "suan/base/random.h"
#include "suan/graph/graph.h"
#include "suan/ops/concat.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/program/program.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

using Tensors = std::vector<Tensor>;
using Build = std::function<Tensor(const Tensors&)>;

Array whole_numbers(DType dtype, const Shape& shape, uint64_t seed, int64_t low = -100,
                    int64_t high = 100) {
  Random random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) v = static_cast<double>(random.randint(low, high));
  return array_of(values, dtype, shape);
}

class CudaKernels : public testing::Test {
 protected:
  // The result is the reference backend's (of `truth`, where that is given), and this kernel ran.
  void expect_same(const std::vector<Array>& inputs, const Build& build, const std::string& kernel,
                   double tolerance = 0, const Build& truth = {}) {
    const auto graph_of = [&](const Build& f) {
      Graph g;
      for (const Array& a : inputs) g.inputs.push_back(make_input(Type(a.dtype, a.shape), "x"));
      g.outputs = {f(g.inputs)};
      return g;
    };
    const Graph graph = graph_of(build), known = graph_of(truth ? truth : build);
    const auto want = Runner(known, reference_backend()).run(inputs);
    emulate::EmulatedGpu& gpu = emulate::emulated_gpu();
    gpu.launched.clear();
    Runner runner(graph, emulate::emulated_backend());
    const auto got = runner.run(inputs);
    expect_close(numbers(got[0]), numbers(want[0]), tolerance, kernel);
    EXPECT_NE(std::find(gpu.launched.begin(), gpu.launched.end(), kernel), gpu.launched.end())
        << kernel << " did not run; " << testing::PrintToString(gpu.launched);
    const auto again = runner.run(inputs);
    expect_close(numbers(again[0]), numbers(got[0]), 0, kernel + ", again");
  }
  void expect_same(DType dtype, const Shape& shape, const Build& build, const std::string& kernel,
                   const Build& truth = {}) {
    SCOPED_TRACE(to_string(Type(dtype, shape)));
    expect_same({whole_numbers(dtype, shape, 3)}, build, kernel, 0, truth);
  }
};

TEST_F(CudaKernels, TransposeByTilesWithAndWithoutWholePacks) {
  const auto by = [](std::vector<int64_t> axes) -> Build {
    return [=](const Tensors& x) { return transpose(x[0], axes); };
  };
  for (const DType dtype : {DType::i8, DType::bf16, DType::f32, DType::f64}) {
    const std::string name = "copy_tiles_b" + std::to_string(size_of(dtype));
    expect_same(dtype, {64, 96}, by({1, 0}), name);
    expect_same(dtype, {2, 3, 131, 37}, by({0, 1, 3, 2}), name);
    expect_same(dtype, {3, 40, 2, 28}, by({3, 2, 0, 1}), name);
    expect_same(dtype, {150, 260}, by({1, 0}), name);
  }
}

TEST_F(CudaKernels, CopyWholePiecesWhereTheyFit) {
  const auto swap = [](const Tensors& x) { return transpose(x[0], {1, 0, 2}); };
  expect_same(DType::f32, {3, 4, 8}, swap, "copy_b16");
  expect_same(DType::f32, {3, 4, 6}, swap, "copy_b8");
  expect_same(DType::bf16, {3, 4, 2}, swap, "copy_b4");
  expect_same(DType::u8, {3, 4, 3}, swap, "copy_b1");
  expect_same(DType::f16, {900, 70, 8}, swap, "copy_b16");  // several pieces for each thread
  expect_same(
      DType::f32, {9, 32}, [](const Tensors& x) { return slice(x[0], {2, 4}, {8, 28}); },
      "copy_b16");
  expect_same(
      DType::f32, {9, 33}, [](const Tensors& x) { return slice(x[0], {2, 4}, {8, 28}); },
      "copy_b4");
  expect_same(DType::f32, {6, 5}, [](const Tensors& x) { return flip(x[0]); }, "copy_b4");
  expect_same(
      DType::f32, {6, 8}, [](const Tensors& x) { return concat({x[0], x[0]}, 1); }, "copy_b16");
}

TEST_F(CudaKernels, BroadcastByWholePiecesWhereTheyFit) {
  const auto to = [](Shape shape) -> Build {
    return [=](const Tensors& x) { return broadcast_to(x[0], shape); };
  };
  expect_same(DType::bf16, {5, 1}, to({5, 16}), "copy_repeated_b2");
  expect_same(DType::i8, {2, 5, 1}, to({2, 5, 32}), "copy_repeated_b1");
  expect_same(DType::f32, {5, 1}, to({5, 7}), "copy_b4");
  expect_same(DType::f64, {1, 6}, to({5, 6}), "copy_b16");
}

TEST_F(CudaKernels, PlaceAndPadWriteEveryElementOnce) {
  expect_same(
      DType::f32, {6, 8}, [](const Tensors& x) { return pad(x[0], {1, 4}, {0, 8}, 2.5); },
      "copy_padded_b16");
  expect_same(
      DType::bf16, {2, 3, 4}, [](const Tensors& x) { return pad(x[0], {1, 2, 0}, {0, 1, 0}, -3); },
      "copy_padded_b8");
  expect_same(
      DType::i16, {3, 5}, [](const Tensors& x) { return pad(x[0], {1, 1}, {2, 0}, 7); },
      "copy_padded_b2");
  const auto into = [](PlaceAttrs a) -> Build {
    return [=](const Tensors& x) { return place(x[0], a); };
  };
  expect_same(DType::f32, {3, 8}, into({{7, 4}, {-3, 1}, {9, 16}}), "copy_padded_b16");
  expect_same(DType::f32, {3, 4}, into({{0, 9}, {2, -3}, {6, 11}}), "copy_padded_b4");
  expect_same(DType::i64, {3, 1}, into({{1, 4}, {1, 5}, {5, 6}}), "copy_padded_b8");
}

TEST_F(CudaKernels, ReordersBetweenPlainAndChannelsLast) {
  const Build round = [](const Tensors& x) {
    return reorder(reorder(x[0], Layout::channels_last), Layout::plain);
  };
  const Build same = [](const Tensors& x) { return reshape(x[0], x[0].shape()); };
  expect_same(DType::f32, {2, 40, 6, 7}, round, "copy_tiles_b4", same);
  expect_same(DType::bf16, {2, 16, 25}, round, "copy_tiles_b2", same);
  expect_same(DType::f16, {2, 3, 4, 5, 6}, round, "copy_b2", same);
}

}  // namespace
}  // namespace suan
