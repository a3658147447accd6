// CUDA kernels along rows and columns of more sizes than the cases of the ops have: each of their
// schedules, against the reference in f64. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "suan/backend/kernel.h"
#include "suan/base/random.h"
#include "suan/ops/argmax.h"
#include "suan/ops/batch_norm.h"
#include "suan/ops/conv.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/op.h"
#include "suan/ops/softmax.h"
#include "suan/ops/statistics.h"
#include "suan/ops/top_k.h"
#include "suan/tensor/compile.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/expect_error.h"
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
TEST(CudaSoftmax, OfInfinitiesIsAsOnTheCpuAndSoIsLogSumExp) {
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
      c.build = [=](const Tensors& x) { return logsumexp(x[0], {axis}); };
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

// All outputs of a gradient node, whose inputs from the third on are statistics and scales.
Build gradient_of(Op op) {
  return [op](const Tensors& x) -> Tensors {
    Tensors inputs = x;
    for (size_t i = 2; i < x.size(); ++i) inputs[i] = cast(x[i], wide(x[0].dtype()));
    const NodePtr n = make_node(op_def(op), inputs, LayerNormAttrs{});
    Tensors out;
    for (size_t i = 0; i < n->types.size(); ++i) out.emplace_back(n, static_cast<int>(i));
    return out;
  };
}

const std::tuple<int64_t, int64_t, std::string> kNormRows[] = {
    {37, 100, "warp8_wide"}, {5, 131, "warp8"},         {2500, 24, "warp8_wide"},
    {9, 768, "warp32_wide"}, {3, 1500, "block16_wide"}, {3, 1501, "block16"},
    {2, 8195, "stream"}};

TEST(CudaNorms, HaveAKernelForEachLengthOfRows) {
  for (const auto& [rows, n, kernel] : kNormRows) {
    const Build layer = [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); };
    const Build rms = [](const Tensors& x) { return rms_norm(x[0], x[1]); };
    const auto launched =
        compare_on_gpu({real({rows, n}, 10, 11), real({n}), real({n})}, layer, DType::f32, 5);
    expect_launched(launched, "norm_" + kernel + "_f32");
    compare_on_gpu({real({rows, n}), real({n})}, rms, DType::f32);
    compare_on_gpu({real({rows, n}), real({n}), real({n})}, layer, DType::bf16);
  }
}
TEST(CudaNorms, HaveGradientsForEachLengthOfRows) {
  for (const auto& [rows, n, kernel] : kNormRows) {
    const In x = real({rows, n}), mean = real({rows}), rstd = real({rows}, 0.5, 2),
             scale = real({n});
    for (DType dtype : {DType::f32, DType::bf16}) {
      const auto launched =
          compare_on_gpu({x, x, mean, rstd, scale}, gradient_of(Op::layer_norm_gradient), dtype, 2);
      if (dtype == DType::f32) expect_launched(launched, "norm_gradient_" + kernel + "_f32");
      compare_on_gpu({x, x, rstd}, gradient_of(Op::rms_norm_gradient), dtype, 2);
    }
  }
}

Build cross_entropy_of(CrossEntropyAttrs attrs) {
  return [attrs](const Tensors& x) -> Tensors {
    const Tensor loss = cross_entropy(x[0], x[1], attrs);
    return {loss, Tensor(loss.node_ptr(), 1)};
  };
}
// f32 rows, 16 bits beside them: the bits are those of a cast.
void expect_casts_inside(int64_t rows, int64_t length, DType low) {
  SCOPED_TRACE(fmt::format("{} rows of {}, {}", rows, length, name(low)));
  const NormResult result = low == DType::bf16 ? NormResult::bf16 : NormResult::f16;
  const auto outputs = [&](const Op op, const std::vector<Tensor>& inputs) {
    const NodePtr n = make_node(op_def(op), inputs, LayerNormAttrs{});
    std::vector<Tensor> all;
    for (size_t i = 0; i < n->types.size(); ++i) all.emplace_back(n, static_cast<int>(i));
    return all;
  };
  CompiledFunction f(
      [&](const std::vector<Tensor>& t) -> std::vector<Tensor> {
        std::vector<Tensor> y{layer_norm(t[0], t[1], t[2], {.result = result}),
                              cast(layer_norm(t[0], t[1], t[2]), low),
                              rms_norm(t[0], t[1], {.result = result}),
                              cast(rms_norm(t[0], t[1]), low)};
        const auto of_layer = outputs(Op::layer_norm, {t[0], t[1], t[2]});
        const auto of_rms = outputs(Op::rms_norm, {t[0], t[1]});
        const Tensor g = cast(t[3], low), wide_g = cast(g, DType::f32);
        const auto add = [&](Op op, const Tensor& grad) {
          std::vector<Tensor> inputs{t[0], grad};
          const auto& from = op == Op::layer_norm_gradient ? of_layer : of_rms;
          inputs.insert(inputs.end(), from.begin() + 1, from.end());
          inputs.push_back(t[1]);
          for (const Tensor& result_of : outputs(op, inputs)) y.push_back(result_of);
        };
        for (const Op op : {Op::layer_norm_gradient, Op::rms_norm_gradient}) {
          add(op, g);
          add(op, wide_g);
        }
        return y;
      },
      {});
  std::vector<Tensor> t;
  for (const Shape& shape :
       {Shape{rows, length}, Shape{length}, Shape{length}, Shape{rows, length}}) {
    Array a(DType::f32, shape);
    Random random(t.size() + 1);
    // Numbers that 16 bits hold, so that it does not matter where they are rounded.
    for (float& v : a.span<float>()) v = std::round(random.normal() * 16) / 16;
    t.push_back(Tensor::from(a));
  }
  const std::vector<Tensor> y = f(t);
  const auto same = [&](size_t i, size_t k) {
    const Array a = y[i].array(), b = y[k].array();
    const bool equal = std::memcmp(a.buffer->data(), b.buffer->data(), a.buffer->bytes()) == 0;
    EXPECT_TRUE(equal) << i << " " << k;
  };
  same(0, 1);
  same(2, 3);
  for (size_t i = 4; i < 7; ++i) same(i, i + 3);
  for (size_t i = 10; i < 12; ++i) same(i, i + 2);
}

TEST(CudaNorms, WriteAndTake16BitsBesideRowsOfF32) {
  for (const Backend* backend : {&emulate::emulated_backend(), &cpu_backend()}) {
    set_backend(*backend);
    for (const int64_t length : {24, 100, 260, 768, 1100, 8196}) {
      for (const int64_t rows : {3, 70}) {
        if (length > 4000 && rows > 3) continue;
        expect_casts_inside(rows, length, DType::bf16);
      }
    }
    if (backend->device) expect_casts_inside(5, 64, DType::f16);
  }
  set_backend("cpu");
}

TEST(CudaNorms, OfManyRowsHaveOneKernelForAllGradients) {
  const std::tuple<int64_t, int64_t, std::string> rows_of[] = {
      {200, 768, "8_wide"}, {70, 301, "8"}, {65, 5000, "16_wide"}, {64, 4101, "16"}};
  for (const auto& [rows, n, kernel] : rows_of) {
    const In x = real({rows, n}), mean = real({rows}), rstd = real({rows}, 0.5, 2),
             scale = real({n});
    const auto launched = compare_on_gpu({x, x, mean, rstd, scale},
                                         gradient_of(Op::layer_norm_gradient), DType::f32, 2);
    expect_launched(launched, "norm_gradients_" + kernel + "_f32");
    compare_on_gpu({x, x, rstd}, gradient_of(Op::rms_norm_gradient), DType::bf16, 2);
  }
}

TEST(CudaCrossEntropy, HasAKernelForEachNumberOfClasses) {
  const std::pair<int64_t, std::string> classes[] = {{10, "warp8"},
                                                     {200, "warp8_wide"},
                                                     {1000, "warp32_wide"},
                                                     {3001, "block16"},
                                                     {8300, "stream"}};
  for (const auto& [n, kernel] : classes) {
    for (const double smoothing : {0.0, 0.1}) {
      const auto build = cross_entropy_of({.label_smoothing = smoothing, .ignore_index = 3});
      const In x = real({40, n}, -6, 6), labels = indices({40}, std::min<int64_t>(n, 11));
      const auto launched = compare_on_gpu({x, labels}, build, DType::f32, 3);
      expect_launched(launched, "cross_entropy_" + kernel + "_f32");
      if (n < 4000) compare_on_gpu({x, labels}, build, DType::bf16);
    }
  }
}
TEST(CudaCrossEntropy, NamesTheFirstLabelThatDoesNotExist) {
  const Tensor x = make_input({DType::f32, {4, 3}}, "x"),
               labels = make_input({DType::i64, {4}}, "y");
  Graph graph;
  graph.inputs = {x, labels};
  graph.outputs = {cross_entropy(x, labels)};
  Runner runner(graph, emulate::emulated_backend());
  const auto logits = array_of(std::vector<double>(12, 1.0), DType::f32, {4, 3});
  const auto wrong = array_of({0, 1, 3, -1}, DType::i64, {4});
  EXPECT_ERROR(runner.run({logits, wrong})[0].as<float>(), kOutOfRange,
               "cross_entropy: label 3 at row 2 is outside [0, 3)");
  const auto good = runner.run({logits, array_of({0, 1, 2, -100}, DType::i64, {4})});
  EXPECT_NEAR(numbers(good[0])[0], 1.0986, 1e-3);
}

// y by the kernel itself, as it is where the pass `split` is left out.
std::vector<double> whole_batch_norm(const std::vector<Array>& in, const Backend& backend) {
  Graph graph;
  for (const Array& array : in)
    graph.inputs.push_back(make_input(Type(array.dtype, array.shape), ""));
  graph.outputs = {batch_norm(graph.inputs[0], graph.inputs[1], graph.inputs[2]).y};
  const ProgramPtr program = Program::build(graph, backend, {.without = {"split"}});
  RunContext context(program);
  std::vector<BufferPtr> blocks;
  for (const Array& array : in) blocks.push_back(array.buffer);
  Array y(in[0].dtype, in[0].shape);
  y.buffer = context.run(blocks)[0];
  return numbers(y);
}

TEST(CudaBatchNorm, HasKernelsForPlanesAndRows) {
  const std::pair<Shape, std::string> shapes[] = {{{700, 24}, "channels_wide"},
                                                  {{300, 7}, "channels"},
                                                  {{5, 3, 7, 7}, "planes"},
                                                  {{4, 6, 32, 36}, "planes_wide"},
                                                  {{40, 2, 64}, "planes_wide"}};
  for (const auto& [shape, kernel] : shapes) {
    const In x = real(shape, 10, 11), c = real({shape[1]}), positive = real({shape[1]}, 0.5, 2);
    const Build forward = [](const Tensors& t) -> Tensors {
      const BatchNorm b = batch_norm(t[0], t[1], t[2]);
      return {b.y, b.mean, b.variance};
    };
    const Build gradient = [](const Tensors& t) -> Tensors {
      Tensors inputs = t;
      for (size_t i = 2; i < t.size(); ++i) inputs[i] = cast(t[i], wide(t[0].dtype()));
      const NodePtr n = make_node(op_def(Op::batch_norm_gradient), inputs, BatchNormAttrs{});
      return {{n, 0}, {n, 1}, {n, 2}};
    };
    const std::vector<In> of_gradient = {real(shape), real(shape), c, c, positive};
    compare_on_gpu({x, c, c}, forward, DType::f32, 5);
    const OpCase whole{"", {x, c, c}, forward, {}};
    const std::vector<Array> arrays = make_inputs(whole, DType::f32);
    emulate::emulated_gpu().launched.clear();
    const auto got = whole_batch_norm(arrays, emulate::emulated_backend());
    expect_launched(emulate::emulated_gpu().launched, "batch_norm_" + kernel + "_f32");
    expect_close(got, whole_batch_norm(arrays, reference_backend()), 5e-5, kernel);
    expect_launched(compare_on_gpu(of_gradient, gradient, DType::f32, 3),
                    "batch_norm_gradient_" + kernel + "_f32");
    compare_on_gpu({real(shape), c, c}, forward, DType::bf16);
    compare_on_gpu(of_gradient, gradient, DType::f16);
  }
}

TEST(CudaBatchNorm, KeepsTheLayoutOfConvolutions) {
  const Build f = [](const Tensors& t) { return batch_norm(conv(t[0], t[1]), t[2], t[3]).y; };
  OpCase c{"", {real({2, 3, 6, 6}), real({8, 3, 3, 3}), real({8}), real({8})}, f, {.tolerance = 4}};
  for (DType dtype : {DType::f32, DType::bf16}) {
    emulate::emulated_gpu().launched.clear();
    compare_floats(c, dtype, emulate::emulated_backend());
    const auto& launched = emulate::emulated_gpu().launched;
    const std::string suffix = std::string("channels_wide_") + std::string(name(dtype));
    expect_launched(launched, "batch_norm_statistics_columns_wide_" + std::string(name(dtype)));
    expect_launched(launched, "batch_norm_gradient_" + suffix);
  }
}

TEST(CudaReductions, OverSpaceTakeTheLayoutOfConvolutions) {
  for (const std::vector<int64_t>& axes : {std::vector<int64_t>{2, 3}, {0, 2, 3}}) {
    const Build f = [&](const Tensors& t) { return max(conv(t[0], t[1]), axes); };
    const In x = real({2, 3, 6, 6}), w = real({8, 3, 3, 3});
    expect_launched(compare_on_gpu({x, w}, f, DType::f32), "max_columns_wide_f32");
  }
}

TEST(CudaCumsum, GoesAlongRowsAndColumns) {
  const std::tuple<Shape, int64_t, std::string> lines[] = {{{3, 5}, 1, "rows"},
                                                           {{2, 5000}, 1, "rows"},
                                                           {{2, 1025, 3}, 1, "columns"},
                                                           {{40, 300}, 0, "columns"}};
  for (const auto& [shape, axis, kernel] : lines) {
    for (int turn = 0; turn < 4; ++turn) {
      const Build f = [&, axis = axis](const Tensors& x) {
        return cumsum(x[0], axis, turn % 2 != 0, turn / 2 != 0);
      };
      expect_launched(compare_on_gpu({real(shape)}, f, DType::f32), "cumsum_" + kernel + "_f32");
      OpCase c{"", {real(shape)}, f, {.integers = true}};
      compare_integers(c, DType::i8, emulate::emulated_backend());
    }
  }
}

// Few different numbers: order among equals is checked too.
TEST(CudaTopK, SortsLinesOfEachLength) {
  const std::tuple<Shape, int64_t, int64_t> lines[] = {
      {{5, 8}, 1, 2},       {{3, 100}, 1, 100}, {{2, 130, 3}, 1, 7},
      {{1, 4096}, 1, 4096}, {{2, 9001}, 1, 40}, {{1, 5000, 2}, 1, 2048}};
  for (const auto& [shape, axis, k] : lines) {
    for (const bool largest : {true, false}) {
      const Build f = [=, axis = axis, k = k](const Tensors& x) -> Tensors {
        const Sorted s = top_k(x[0], k, axis, largest);
        return {s.values, s.indices};
      };
      const In x = whole(shape, -100, 100);
      for (DType dtype : {DType::f32, DType::f64}) {
        In input = x;
        input.dtype = dtype;
        expect_launched(compare_on_gpu({input}, f, dtype),
                        dtype == DType::f64 ? "top_k_wide" : "top_k_narrow");
      }
    }
  }
}

}  // namespace
}  // namespace suan
