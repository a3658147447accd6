// CUDA kernels on shapes that the cases of the ops are too small for: every way a kernel moves
// data, against the reference backend. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "suan/autodiff/gradient.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/random.h"
#include "suan/graph/graph.h"
#include "suan/ops/bitwise.h"
#include "suan/ops/check_range.h"
#include "suan/ops/concat.h"
#include "suan/ops/conv.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/pad.h"
#include "suan/ops/pool.h"
#include "suan/ops/random.h"
#include "suan/ops/reduce.h"
#include "suan/ops/resize.h"
#include "suan/ops/rotary.h"
#include "suan/ops/segment.h"
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

// Any kernel that was written as text for its node.
const std::string kWritten = "a written kernel";

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
    EXPECT_TRUE(std::any_of(gpu.launched.begin(), gpu.launched.end(),
                            [&](const std::string& name) {
                              return name == kernel || (kernel == kWritten && name[0] == 'k');
                            }))
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
  const auto by = [](const std::vector<int64_t>& axes) -> Build {
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
  const auto into = [](const PlaceAttrs& a) -> Build {
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

Array indices_below(int64_t size, const Shape& shape, uint64_t seed, int64_t favourite = 0) {
  Array a(DType::i64, shape);
  Random random(seed);
  for (int64_t& v : a.span<int64_t>()) {
    v = random.chance(0.3f) ? favourite : random.randint(-size, size);
  }
  return a;
}

TEST_F(CudaKernels, GatherRowsInWholePieces) {
  const Build rows = [](const Tensors& x) { return gather(x[0], x[1]); };
  const Array list = indices_below(9, {700}, 5);
  expect_same({whole_numbers(DType::bf16, {9, 24}, 1), list}, rows, "gather_b16");
  expect_same({whole_numbers(DType::i16, {9, 3}, 1), list}, rows, "gather_b2");
  expect_same(
      {whole_numbers(DType::f32, {4, 9, 2}, 1), list},
      [](const Tensors& x) { return gather(x[0], x[1], 1); }, "gather_b8");
  expect_same(
      {whole_numbers(DType::f32, {3, 9, 2}, 1), indices_below(9, {3, 5, 2}, 2)},
      [](const Tensors& x) { return take_along_axis(x[0], x[1], 1); }, "take_b4");
}

// Small whole numbers, whose sums are exact in any order; the order is tested by `set`.
TEST_F(CudaKernels, ScatterManyUpdates) {
  for (const Combine how : {Combine::set, Combine::add, Combine::max, Combine::min}) {
    const Build into = [how](const Tensors& x) { return scatter(x[0], x[1], x[2], 0, how); };
    const bool set = how == Combine::set;
    for (const int64_t count : {300, 3000}) {
      const std::string way = count == 300 ? "few" : "runs";
      const auto expect = [&](DType dtype, int64_t rows, int64_t inner, const char* suffix,
                              const char* sized) {
        expect_same({whole_numbers(dtype, {rows, inner}, 1), indices_below(rows, {count}, 2, 3),
                     whole_numbers(dtype, {count, inner}, 3, -3, 4)},
                    into, set ? "set_" + way + sized : "scatter_" + way + suffix);
      };
      expect(DType::f32, 7, 8, "_wide_f32", "_b16");
      expect(DType::f32, 100000, 1, "_f32", "_b4");
      expect(DType::i32, 40, 3, "_i32", "_b4");
      expect(DType::f64, 500, 2, "_wide_f64", "_b16");
    }
  }
}

TEST_F(CudaKernels, ScatterJoinsLongRuns) {
  const Build into = [](const Tensors& x) { return scatter(x[0], x[1], x[2], 1); };
  for (const int64_t favourite : {0, 1, 2}) {
    const Array list = indices_below(3, {1500}, 7, favourite);
    expect_same({whole_numbers(DType::f32, {2, 3, 4}, 1), list,
                 whole_numbers(DType::f32, {2, 1500, 4}, 3, -3, 4)},
                into, "scatter_join_wide_f32");
  }
  Array equal(DType::i32, {640});
  std::fill_n(equal.as<int32_t>(), 640, 1);
  expect_same(
      {whole_numbers(DType::f64, {2}, 1), equal, whole_numbers(DType::f64, {640}, 3)},
      [](const Tensors& x) { return scatter(x[0], x[1], x[2]); }, "scatter_join_f64");
}

TEST_F(CudaKernels, PutAlongAnAxisInOrder) {
  for (const Combine how : {Combine::set, Combine::add}) {
    const Build into = [how](const Tensors& x) { return put_along_axis(x[0], x[1], x[2], 1, how); };
    for (const int64_t count : {40, 900}) {
      const std::string way = count == 40 ? "few" : "runs";
      expect_same({whole_numbers(DType::f32, {5, 30, 3}, 1), indices_below(30, {4, count, 2}, 2),
                   whole_numbers(DType::f32, {4, count, 2}, 3)},
                  into, how == Combine::set ? "set_" + way + "_b4" : "scatter_" + way + "_f32");
    }
  }
}

TEST_F(CudaKernels, SegmentMaximaOfManyRows) {
  const Build tops = [](const Tensors& x) { return segment_max(x[0], x[1], 50); };
  expect_same({whole_numbers(DType::f32, {2000, 12}, 1), indices_below(45, {2000}, 2)}, tops,
              "scatter_join_wide_f32");
  expect_same({whole_numbers(DType::i8, {90, 5}, 1, -90, -1), indices_below(45, {90}, 2)}, tops,
              "scatter_few_i8");
}

TEST_F(CudaKernels, RandomNumbersOfManyCounters) {
  Array key(DType::i64, {2});
  key.as<int64_t>()[0] = -5;
  key.as<int64_t>()[1] = int64_t{3} << 33;
  expect_same(
      {key}, [](const Tensors& x) { return random_uniform(x[0], {1003}); }, "random_uniform");
  expect_same(
      {key}, [](const Tensors& x) { return random_normal(x[0], {17, 61}); }, "random_normal", 1e-6);
}

// After a convolution the data's channels are last, and stay so.
TEST_F(CudaKernels, PoolWithChannelsLast) {
  const std::vector<Array> inputs{whole_numbers(DType::f32, {2, 8, 9, 10}, 1, -4, 4),
                                  whole_numbers(DType::f32, {16, 8, 3, 3}, 2, -4, 4)};
  const PoolAttrs attrs{.kernel = {3}, .stride = {2}, .pad_begin = {1}};
  const auto both = [=](const Tensors& x) {
    return max_pool(conv(x[0], x[1], {}, {.pad_begin = {1}}), attrs) +
           avg_pool(conv(x[0], x[1], {}, {.pad_begin = {1}}), attrs);
  };
  expect_same(inputs, both, "max_pool_wide_f32", 1e-6);
  const auto& launched = emulate::emulated_gpu().launched;
  EXPECT_EQ(std::count(launched.begin(), launched.end(), "copy_b4") +
                std::count(launched.begin(), launched.end(), "copy_tiles_b4"),
            2 * 3);  // of two runs: x and w there, y back
  const auto gradient = [=](const Tensors& x) {
    return gradients(sum(both(x) * both(x)), Tensors{x[0]})[0];
  };
  expect_same(inputs, gradient, "max_pool_gradient_wide_f32", 1e-6);
  expect_same(inputs, gradient, "avg_pool_gradient_wide_f32", 1e-6);
}

TEST_F(CudaKernels, TurnSeveralPairsAtOnceWhereTheyFit) {
  const auto angles = [](DType dtype, const Shape& shape) {
    return std::vector<Array>{whole_numbers(dtype, shape, 2, -1, 2),
                              whole_numbers(dtype, shape, 3, -1, 2)};
  };
  const auto expect = [&](DType dtype, const Shape& x, const Shape& shape, bool interleaved,
                          const std::string& kernel) {
    SCOPED_TRACE(kernel + to_string(x));
    const auto both = angles(DType::f32, shape);
    expect_same(
        {whole_numbers(dtype, x, 1), both[0], both[1]},
        [=](const Tensors& t) { return rotary(t[0], t[1], t[2], {interleaved}); }, kernel, 0,
        [=](const Tensors& t) {
          const auto f = [&](const Tensor& a) { return cast(a, DType::f64); };
          return cast(
              op_def(Op::rotary)
                  .decompose(rotary(f(t[0]), f(t[1]), f(t[2]), {interleaved}).node_ptr())[0],
              dtype);
        });
  };
  expect(DType::bf16, {2, 5, 3, 48}, {5, 1, 16}, false, "rotary_wide_bf16_f32");
  expect(DType::bf16, {2, 5, 3, 48}, {5, 1, 16}, true, "rotary_wide_bf16_f32");
  expect(DType::f32, {7, 24}, {7, 12}, true, "rotary_wide_f32_f32");
  expect(DType::f32, {7, 20}, {7, 8}, true, "rotary_f32_f32");
  expect(DType::f16, {7, 18}, {1, 8}, false, "rotary_f16_f32");
}

TEST_F(CudaKernels, ResizeSparseProductsAndBits) {
  expect_same(
      {whole_numbers(DType::f32, {2, 3, 10, 4}, 1)},
      [](const Tensors& x) {
        return resize(x[0], {7, 9}, {.mode = ResizeMode::cubic, .antialias = true});
      },
      "resize_f32", 1e-6);
  const Array offsets = array_of({0, 900, 900, 2300}, DType::i64, {4});
  Array columns = indices_below(3000, {2300}, 4, 7);
  for (int64_t& c : columns.span<int64_t>()) c = std::abs(c) % 3000;
  const Array values = whole_numbers(DType::f32, {2300}, 1, -3, 4);
  const auto product = [](CsrAttrs a) -> Build {
    return [=](const Tensors& x) { return csr_matmul(x[0], x[1], x[2], x[3], a); };
  };
  const std::vector<Array> wide{offsets, columns, values, whole_numbers(DType::f32, {3000, 3}, 2)};
  expect_same(wide, product({}), "csr_matmul_f32");
  expect_same({offsets, columns, values, whole_numbers(DType::f32, {3, 5}, 2)},
              product({.transpose = true, .columns = 3000}), "csr_transposed_f32");
  expect_same(
      {offsets, columns, whole_numbers(DType::f32, {3, 40}, 2),
       whole_numbers(DType::f32, {3000, 40}, 3)},
      [](const Tensors& x) { return csr_dot(x[0], x[1], x[2], x[3]); }, "csr_dot_f32", 1e-6);
  expect_same(
      {whole_numbers(DType::i16, {40, 9}, 1), whole_numbers(DType::i16, {40, 1}, 2)},
      [](const Tensors& x) { return bitwise(x[0], x[1], BitwiseKind::shift_right); }, kWritten);
}

// What a run on the emulated GPU says of bad numbers is what one on the CPU says.
TEST_F(CudaKernels, ReportBadNumbersInTheWordsOfTheCpu) {
  const auto expect_words = [](const std::vector<Array>& inputs, const Build& build,
                               const std::string& words) {
    Graph graph;
    for (const Array& a : inputs) graph.inputs.push_back(make_input(Type(a.dtype, a.shape), "x"));
    graph.outputs = {build(graph.inputs)};
    for (const Backend* backend : {&cpu_backend(), &emulate::emulated_backend()}) {
      try {
        Runner runner(graph, *backend);
        runner.run(inputs)[0].buffer->data();  // waits
        ADD_FAILURE() << "nothing was reported on " << backend->name;
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), words) << backend->name;
      }
    }
  };
  const auto numbers = [](std::initializer_list<int64_t> values) {
    return Array::of<int64_t>(std::vector<int64_t>(values), {static_cast<int64_t>(values.size())});
  };
  const Array table = whole_numbers(DType::f32, {3, 4}, 1), row = whole_numbers(DType::f32, {4}, 1);
  const Array two = whole_numbers(DType::f32, {2, 4}, 1), pair = whole_numbers(DType::f32, {2}, 1);
  const std::string outside = "index 4 at position 1 is outside [-";
  expect_words(
      {table, numbers({0, 4})}, [](auto& x) { return gather(x[0], x[1]); },
      "gather: " + outside + "3, 3)");
  expect_words(
      {table, numbers({0, 4}), two}, [](auto& x) { return scatter(x[0], x[1], x[2]); },
      "scatter: " + outside + "3, 3)");
  expect_words(
      {row, numbers({0, 4})}, [](auto& x) { return take_along_axis(x[0], x[1], 0); },
      "take_along_axis: " + outside + "4, 4)");
  expect_words(
      {row, numbers({0, 4}), pair}, [](auto& x) { return put_along_axis(x[0], x[1], x[2], 0); },
      "put_along_axis: " + outside + "4, 4)");
  expect_words(
      {two, numbers({0, 4})}, [](auto& x) { return segment_max(x[0], x[1], 3); },
      "segment_max: " + outside + "3, 3)");
  expect_words(
      {numbers({0, 9, 2})}, [](auto& x) { return check_range(x[0], {0, 4, "here", "size"}); },
      "here: size 9 at position 1 is outside [0, 4]");
}

}  // namespace
}  // namespace suan
