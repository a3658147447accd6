// Products of floats with weights of 4 and 8 bits, with all that may follow them, against the same
// graph in f64.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "suan/base/random.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/slice.h"
#include "suan/program/explain.h"
#include "tests/expect_error.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

enum class Fill : uint8_t { random, most, least };

Array integers(DType dtype, const Shape& shape, uint64_t seed, Fill fill = Fill::random) {
  const IntegerRange range = integer_range(dtype);
  Random random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) {
    const double u = random.uniform();
    v = fill == Fill::most    ? range.high
        : fill == Fill::least ? range.low
                              : std::floor(range.low + u * (range.high - range.low + 1));
  }
  return array_of(values, dtype, shape);
}
// In f32, whatever the dtype: both sides compute with the same numbers.
Array floats(const Shape& shape, uint64_t seed, double low, double high, DType dtype) {
  Random random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& v : values) v = static_cast<float>(low + random.uniform() * (high - low));
  return array_of(values, dtype, shape);
}

struct Case {
  DType weights = DType::i4;
  int64_t rows = 1, k = 64, n = 32, block = 32;  // block 0: one scale for each column
  bool transposed = false, zeros = false, one_scale = false;
  Fill fill = Fill::random;

  std::string name() const {
    return fmt::format("{} {}x{}x{} in {}{}{}{}", suan::name(weights), rows, k, n, block,
                       transposed ? " transposed" : "", zeros ? " zeros" : "",
                       one_scale ? " one scale" : "");
  }
  int axis() const { return transposed ? 1 : 0; }
  Shape matrix(int64_t depth) const { return transposed ? Shape{n, depth} : Shape{depth, n}; }
  Shape scales() const {
    if (one_scale) return {};
    if (block == 0) return transposed ? Shape{n, 1} : Shape{n};
    return matrix((k + block - 1) / block);
  }
  Tensor w(DType dtype) const {
    const Shape shape = matrix(k);
    const auto constant = [](const Array& a) {
      return make_constant(Type(a.dtype, a.shape), a.buffer);
    };
    const Array q = integers(weights, shape, 7, fill);
    const Tensor scale = one_scale ? full(static_cast<float>(0.01), {}, dtype)
                                   : constant(floats(scales(), 8, 0.002, 0.02, dtype));
    const Tensor zero = zeros ? constant(integers(weights, scales(), 9)) : Tensor();
    return dequantize(constant(q), scale, zero, {.dtype = dtype, .axis = axis(), .block = block});
  }
};

using Tail = std::function<Tensor(const Tensor& y, const Tensor& other)>;
Tensor nothing(const Tensor& y, const Tensor& /*other*/) { return y; }

Graph graph_of(const Case& c, const Tail& tail, DType dtype) {
  Graph graph;
  graph.inputs = {make_input(Type(dtype, {c.rows, c.k}), "x"),
                  make_input(Type(dtype, {c.rows, c.n}), "other")};
  graph.outputs = {tail(matmul(graph.inputs[0], c.w(dtype), false, c.transposed), graph.inputs[1])};
  return graph;
}

void expect_one_kernel(const Program& program) {
  const std::vector<StepInfo> steps = explain_steps(program);
  EXPECT_EQ(steps.size(), 1U) << explain(program, true);
  EXPECT_EQ(steps[0].kernel, "cpu_weight_only") << explain(program, true);
}

void check(const Case& c, const Tail& tail = nothing) {
  SCOPED_TRACE(c.name());
  const auto inputs = [&](DType dtype) {
    return std::vector<Array>{floats({c.rows, c.k}, 3, -2, 2, dtype),
                              floats({c.rows, c.n}, 5, -2, 2, dtype)};
  };
  Runner runner(graph_of(c, tail, DType::f32), cpu_backend());
  expect_one_kernel(runner.program());
  const Array got = runner.run(inputs(DType::f32))[0], again = runner.run(inputs(DType::f32))[0];
  const Array want =
      Runner(graph_of(c, tail, DType::f64), reference_backend()).run(inputs(DType::f64))[0];
  EXPECT_EQ(numbers(got), numbers(again));
  expect_close(numbers(got), numbers(want), 1e-5, c.name());
}

constexpr DType kWeights[] = {DType::i4, DType::u4, DType::i8, DType::u8};

TEST(WeightOnly, EveryDtypeBlockAndTransposeIsOneKernelAndRight) {
  for (const DType weights : kWeights) {
    for (const int64_t block : {0, 8, 24, 32, 64, 128, 256}) {
      for (const bool transposed : {false, true}) {
        for (const bool zeros : {false, true}) {
          for (const int64_t k : {64, 100, 300}) {
            check({.weights = weights,
                   .rows = 2,
                   .k = k,
                   .n = 40,
                   .block = block,
                   .transposed = transposed,
                   .zeros = zeros});
          }
        }
      }
    }
  }
}

TEST(WeightOnly, AnyNumberOfRowsAndColumns) {
  for (const DType weights : kWeights) {
    for (const int64_t rows : {1, 2, 3, 8, 17, 700}) {
      for (const int64_t n : {1, 15, 16, 77, 300}) {
        check({.weights = weights, .rows = rows, .k = 72, .n = n, .block = 32, .zeros = true});
      }
    }
    check({.weights = weights, .rows = 1, .k = 3, .n = 5, .block = 0});
    check({.weights = weights, .rows = 3, .k = 1, .n = 3, .block = 8, .transposed = true});
  }
}

TEST(WeightOnly, OneScaleForAll) {
  for (const DType weights : kWeights) {
    for (const bool zeros : {false, true}) {
      check({.weights = weights,
             .rows = 3,
             .k = 200,
             .n = 40,
             .block = 0,
             .zeros = zeros,
             .one_scale = true});
    }
  }
}

TEST(WeightOnly, SumsAreRightAtTheEndsOfTheRange) {
  for (const DType weights : kWeights) {
    for (const Fill fill : {Fill::most, Fill::least}) {
      for (const bool zeros : {false, true}) {
        check({.weights = weights,
               .rows = 4,
               .k = 5000,
               .n = 20,
               .block = 0,
               .zeros = zeros,
               .fill = fill});
      }
    }
  }
}

// Zero points at the end of their range with weights at the other one, and x of one sign.
TEST(WeightOnly, WeightsThatEqualTheirZeroPointsGiveExactlyZero) {
  for (const DType weights : kWeights) {
    Graph graph;
    graph.inputs = {make_input({DType::f32, {2, 128}}, "x")};
    const auto most = [&](const Shape& shape) {
      return make_constant({weights, shape}, integers(weights, shape, 1, Fill::most).buffer);
    };
    const Tensor scale =
        make_constant({DType::f32, {4, 24}}, floats({4, 24}, 8, 0.5, 2, DType::f32).buffer);
    const Tensor w = dequantize(most({128, 24}), scale, most({4, 24}), {.axis = 0, .block = 32});
    graph.outputs = {matmul(graph.inputs[0], w)};
    Runner runner(graph, cpu_backend());
    expect_one_kernel(runner.program());
    const Array y = runner.run({floats({2, 128}, 3, 1, 1000, DType::f32)})[0];
    EXPECT_EQ(numbers(y), std::vector<double>(48, 0.0)) << name(weights);
  }
}

TEST(WeightOnly, TailsJoin) {
  const auto vector = [](const Tensor& y, uint64_t seed) {
    const Array a = floats({y.shape().back()}, seed, -1, 1, y.dtype());
    return make_constant(Type(a.dtype, a.shape), a.buffer);
  };
  const Tail tails[] = {
      [&](const Tensor& y, const Tensor&) { return y + vector(y, 11); },
      [&](const Tensor& y, const Tensor&) { return gelu(y + vector(y, 11)); },
      [&](const Tensor& y, const Tensor& other) { return y + vector(y, 11) + other; },
      [&](const Tensor& y, const Tensor& other) { return other - relu(y); },
      [&](const Tensor& y, const Tensor& other) { return silu(y) * other; },
      [&](const Tensor& y, const Tensor&) { return tanh(y * vector(y, 12) + 0.5); },
  };
  for (const Tail& tail : tails) {
    for (const bool zeros : {false, true}) {
      for (const int64_t rows : {1, 5}) {
        check({.rows = rows, .k = 96, .n = 300, .zeros = zeros}, tail);
        check({.weights = DType::u8,
               .rows = rows,
               .k = 96,
               .n = 40,
               .block = 0,
               .transposed = true,
               .zeros = zeros},
              tail);
      }
    }
  }
}

Array run_on(const std::vector<double>& x, int64_t n) {
  const auto k = static_cast<int64_t>(x.size());
  Runner runner(graph_of({.k = k, .n = n}, nothing, DType::f32), cpu_backend());
  return runner.run({array_of(x, DType::f32, {1, k}), floats({1, n}, 5, 0, 1, DType::f32)})[0];
}

TEST(WeightOnly, NumbersOfEverySizeKeepTheirShare) {
  for (const double size : {1e-44, 1e-38, 1e-28, 1.0, 1e30, 1e36}) {
    const Case c{.k = 64, .n = 20};
    const auto x = [&](DType dtype) {
      std::vector<double> values = numbers(floats({1, 64}, 3, -1, 1, DType::f32));
      for (double& v : values) v = static_cast<float>(v * size);
      return array_of(values, dtype, {1, 64});
    };
    const auto other = [](DType dtype) { return floats({1, 20}, 5, 0, 1, dtype); };
    const Array got = run_on(numbers(x(DType::f32)), 20);
    const Array want = Runner(graph_of(c, nothing, DType::f64), reference_backend())
                           .run({x(DType::f64), other(DType::f64)})[0];
    const std::vector<double> a = numbers(got), b = numbers(want);
    double largest = 0;
    for (double v : b) largest = std::max(largest, std::abs(v));
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(a[i], b[i], 1e-5 * largest + 1e-36) << size;
    }
  }
}

TEST(WeightOnly, WhatIsNotFiniteMakesItsRowNaN) {
  for (const double bad : {std::nan(""), static_cast<double>(INFINITY)}) {
    std::vector<double> x(64, 1.0);
    x[37] = bad;
    for (double y : numbers(run_on(x, 20))) EXPECT_TRUE(std::isnan(y));
  }
}

TEST(WeightOnly, OtherWeightsAreFoldedToFloats) {
  const auto folds = [](const Case& c) {
    const Runner runner(graph_of(c, nothing, DType::f32), cpu_backend());
    for (const StepInfo& step : explain_steps(runner.program())) {
      EXPECT_NE(step.kernel, "cpu_weight_only") << c.name();
      EXPECT_NE(step.kernel, "cpu_dequantize") << c.name();
    }
  };
  folds({.weights = DType::i2});
  folds({.k = 100, .block = 12});
}

// As on a machine whose processor cannot multiply them as they are stored; more of them than are
// computed eagerly.
TEST(WeightOnly, WithoutAKernelWeightsAreFoldedToFloats) {
  const Case c{.rows = 3, .k = 800, .n = 700, .zeros = true};
  Target target = *cpu_backend().target;
  target.fuses_tail = nullptr;
  target.begins_tail = nullptr;
  Backend backend = cpu_backend();
  backend.target = &target;
  Runner runner(graph_of(c, nothing, DType::f32), backend);
  EXPECT_EQ(explain_steps(runner.program()).size(), 1U) << explain(runner.program(), true);
  const auto inputs = [&](DType dtype) {
    return std::vector<Array>{floats({3, 800}, 3, -2, 2, dtype), floats({3, 700}, 5, 0, 1, dtype)};
  };
  const Array want =
      Runner(graph_of(c, nothing, DType::f64), reference_backend()).run(inputs(DType::f64))[0];
  expect_close(numbers(runner.run(inputs(DType::f32))[0]), numbers(want), 1e-5, c.name());
}

TEST(WeightOnly, ConstantsTakeFourBitsAndTheirScales) {
  const Case c{.rows = 1, .k = 768, .n = 512, .block = 64};
  const Runner runner(graph_of(c, nothing, DType::f32), cpu_backend());
  const size_t weights = 768 * 512 / 2, scales = 768 / 64 * 512 * sizeof(float);
  EXPECT_EQ(measure_size(runner.program()).constant_bytes, weights + scales);
}

// Slices of a product's columns become products with parts of the weights, which stay as they are
// stored.
TEST(WeightOnly, PartsOfTheColumnsKeepTheirBlocks) {
  for (const bool zeros : {false, true}) {
    for (const bool transposed : {false, true}) {
      const Case c{.rows = 2, .k = 96, .n = 64, .transposed = transposed, .zeros = zeros};
      const auto graph = [&](DType dtype) {
        Graph whole = graph_of(c, nothing, dtype);
        const Tensor y = whole.outputs[0];
        whole.outputs = {narrow(y, 1, 0, 20) * narrow(y, 1, 20, 40), narrow(y, 1, 40, 64)};
        return whole;
      };
      const auto inputs = [&](DType dtype) {
        return std::vector<Array>{floats({2, 96}, 3, -2, 2, dtype),
                                  floats({2, 64}, 5, 0, 1, dtype)};
      };
      Runner runner(graph(DType::f32), cpu_backend());
      int products = 0;
      for (const StepInfo& step : explain_steps(runner.program())) {
        EXPECT_EQ(step.kernel.find("dequantize"), std::string::npos);
        products += step.kernel == "cpu_weight_only";
      }
      EXPECT_GE(products, 2) << explain(runner.program(), true);
      const auto got = runner.run(inputs(DType::f32));
      const auto want = Runner(graph(DType::f64), reference_backend()).run(inputs(DType::f64));
      for (size_t i = 0; i < 2; ++i) {
        expect_close(numbers(got[i]), numbers(want[i]), 1e-5, c.name());
      }
    }
  }
}

// Rows of a constant table are gathered as they are stored, whatever its scales are for.
TEST(WeightOnly, GatheredRowsAreDequantizedAfterwards) {
  struct Table {
    Shape scales;
    int axis = 0;
    int64_t block = 0;
    int gathered = 0;  // the axis
  };
  const Table tables[] = {{.scales = {}},
                          {.scales = {100}},
                          {.scales = {40, 1}},
                          {.scales = {40, 4}, .axis = 1, .block = 32},
                          {.scales = {1, 100}},
                          {.scales = {2, 100}, .axis = 0, .block = 20, .gathered = 1},
                          {.scales = {40, 1}, .gathered = 1},
                          {.scales = {2, 100}, .axis = 0, .block = 20}};
  for (const DType weights : kWeights) {
    for (const Table& table : tables) {
      for (const Shape& ids : {Shape{}, Shape{3}, Shape{2, 2}}) {
        const auto graph = [&](DType dtype) {
          const auto constant = [](const Array& a) {
            return make_constant(Type(a.dtype, a.shape), a.buffer);
          };
          Graph graph;
          graph.inputs = {make_input({DType::i64, ids}, "ids")};
          const Tensor w = dequantize(constant(integers(weights, {40, 100}, 7)),
                                      constant(floats(table.scales, 8, 0.01, 0.02, dtype)),
                                      constant(integers(weights, table.scales, 9)),
                                      {.dtype = dtype, .axis = table.axis, .block = table.block});
          graph.outputs = {gather(w, graph.inputs[0], table.gathered)};
          return graph;
        };
        std::vector<double> at{7, -3, 0, 39};
        at.resize(static_cast<size_t>(ids.numel()));
        const std::vector<Array> inputs{array_of(at, DType::i64, ids)};
        Runner runner(graph(DType::f32), cpu_backend());
        const Array got = runner.run(inputs)[0];
        const Array want = Runner(graph(DType::f64), reference_backend()).run(inputs)[0];
        expect_close(numbers(got), numbers(want), 1e-6, to_string(table.scales));
        const bool folded = table.block > 0 && table.axis == table.gathered;
        const std::string text = explain(runner.program(), false);
        EXPECT_EQ(text.find("dequantize") == std::string::npos, folded) << text;
      }
    }
  }
}

TEST(WeightOnly, RowsOutsideAStoredTableAreReported) {
  Graph graph;
  graph.inputs = {make_input({DType::i64, {1}}, "ids")};
  const Array q = integers(DType::i4, {40, 64}, 7);
  const Tensor w = dequantize(make_constant({q.dtype, q.shape}, q.buffer), full(0.5, {}), {});
  graph.outputs = {gather(w, graph.inputs[0])};
  Runner runner(graph, cpu_backend());
  EXPECT_EQ(explain_steps(runner.program())[0].kernel, "cpu_packed_gather");
  EXPECT_ERROR(runner.run({array_of({40}, DType::i64, {1})}), kOutOfRange,
               "gather: index 40 at position 0 is outside [-40, 40)");
}

}  // namespace
}  // namespace suan
