// Products of 8-bit integers with all that may follow them, against the same graph in f64, also at
// the ends of the integers' range.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "suan/base/random.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/program/explain.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

enum class Fill : uint8_t { random, most, least, ends };

Array integers(DType dtype, const Shape& shape, uint64_t seed, Fill fill) {
  const IntegerRange range = integer_range(dtype);
  Random random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    const double u = random.uniform();
    values[i] = fill == Fill::most    ? range.high
                : fill == Fill::least ? range.low
                : fill == Fill::ends  ? (u < 0.5 ? range.low : range.high)
                                      : std::floor(range.low + u * (range.high - range.low + 1));
  }
  return array_of(values, dtype, shape);
}
Array floats(const Shape& shape, uint64_t seed, double low, double high, DType dtype) {
  Random random(seed);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  // In f32, whatever the dtype: both sides compute with the same numbers.
  for (double& v : values) v = static_cast<float>(low + random.uniform() * (high - low));
  return array_of(values, dtype, shape);
}

// What a case builds in a float dtype.
struct Maker {
  DType dtype;
  Fill fill = Fill::random;
  Shape x_shape, w_shape;
  DType x_dtype = DType::u8;
  float x_scale = 0.02F;
  int x_zero = 0;
  bool one_scale = false;

  Tensor scalar(double value) const { return full(value, {}, dtype); }
  Tensor zero(double value, DType of) const { return value == 0 ? Tensor() : full(value, {}, of); }
  Tensor vector(const Shape& shape, uint64_t seed, double low, double high) const {
    const Array a = floats(shape, seed, low, high, dtype);
    return make_constant(Type(dtype, shape), a.buffer);
  }
  Tensor dequantized(const Tensor& q, double scale, int zero_point) const {
    return dequantize(q, scalar(static_cast<float>(scale)), zero(zero_point, q.dtype()),
                      {.dtype = dtype});
  }
  Tensor quantized(const Tensor& y, double scale, int zero_point, DType to) const {
    return quantize(y, scalar(static_cast<float>(scale)), zero(zero_point, to), {.dtype = to});
  }
  Tensor x(const Tensor& q) const { return dequantized(q, x_scale, x_zero); }
  // `channels`: the shape of one scale for each output channel.
  Tensor w(const Shape& channels) const {
    const Array q = integers(DType::i8, w_shape, 7, fill);
    const Tensor scale = one_scale ? scalar(0.01F) : vector(channels, 8, 0.002, 0.02);
    return dequantize(make_constant(Type(DType::i8, w_shape), q.buffer), scale, {},
                      {.dtype = dtype});
  }
};

using Inputs = std::vector<Tensor>;
using Call = std::function<Tensor(const Maker&, const Inputs&)>;

struct Int8Case {
  std::string name;
  Maker maker;
  Call call;
  std::string kernel;
  std::vector<Type> others = {};  // inputs after x
};

Graph graph_of(const Int8Case& c, DType dtype) {
  Maker maker = c.maker;
  maker.dtype = dtype;
  Graph graph;
  graph.inputs.push_back(make_input(Type(maker.x_dtype, maker.x_shape), "x"));
  for (const Type& type : c.others) graph.inputs.push_back(make_input(type, "other"));
  graph.outputs.push_back(c.call(maker, graph.inputs));
  return graph;
}

void expect_kernel(const Program& program, const Int8Case& c) {
  int found = 0, others = 0;
  for (const StepInfo& step : explain_steps(program)) {
    found += step.kernel == c.kernel;
    others += step.kernel != c.kernel && step.kernel != "dnnl_reorder";
  }
  EXPECT_EQ(found, 1) << explain(program, true);
  EXPECT_EQ(others, 0) << explain(program, true);
}

void check(const Int8Case& c) {
  SCOPED_TRACE(c.name);
  const Graph fast = graph_of(c, DType::f32), exact = graph_of(c, DType::f64);
  std::vector<Array> inputs{integers(c.maker.x_dtype, c.maker.x_shape, 3, c.maker.fill)};
  for (const Type& type : c.others) {
    inputs.push_back(is_float(type.dtype) ? floats(type.shape, 5, -2, 2, type.dtype)
                                          : integers(type.dtype, type.shape, 5, c.maker.fill));
  }
  Runner runner(fast, cpu_backend());
  expect_kernel(runner.program(), c);
  const Array got = runner.run(inputs)[0], again = runner.run(inputs)[0];
  const Array want = Runner(exact, reference_backend()).run(inputs)[0];
  EXPECT_EQ(numbers(got), numbers(again));
  if (is_float(got.dtype)) {
    expect_close(numbers(got), numbers(want), 1e-5, c.name);
    return;
  }
  // Roundings at halves may go the other way: by one, and rarely.
  const std::vector<double> a = numbers(got), b = numbers(want);
  size_t different = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_LE(std::abs(a[i] - b[i]), 1) << i;
    different += a[i] != b[i];
  }
  EXPECT_LE(different, a.size() / 200 + 1) << "of " << a.size();
}

Maker images(const Shape& x, const Shape& w, DType dtype = DType::u8, int zero = 0) {
  return {.dtype = DType::f32, .x_shape = x, .w_shape = w, .x_dtype = dtype, .x_zero = zero};
}
Maker rows(const Shape& x, const Shape& w, DType dtype = DType::u8, int zero = 0) {
  return {.dtype = DType::f32, .x_shape = x, .w_shape = w, .x_dtype = dtype, .x_zero = zero};
}

ConvAttrs same(int64_t groups = 1, int64_t stride = 1) {
  return {.stride = {stride, stride}, .pad_begin = {1, 1}, .pad_end = {1, 1}, .groups = groups};
}
Tensor convolve(const Maker& m, const Inputs& in, const ConvAttrs& attrs, bool bias = true) {
  const int64_t n = m.w_shape[0];
  return conv(m.x(in[0]), m.w({n, 1, 1, 1}), bias ? m.vector({n}, 11, -1, 1) : Tensor(), attrs);
}
Tensor multiply(const Maker& m, const Inputs& in, bool transposed = false) {
  const int64_t n = m.w_shape[transposed ? 0 : 1];
  return matmul(m.x(in[0]), m.w(transposed ? Shape{n, 1} : Shape{n}), false, transposed);
}

std::vector<Int8Case> conv_cases() {
  const std::string kernel = "dnnl_int8_conv";
  const auto relu_u8 = [](const Maker& m, const Inputs& in) {
    return m.quantized(relu(convolve(m, in, same())), 0.03, 0, DType::u8);
  };
  return {{"bias and relu", images({2, 16, 9, 9}, {32, 16, 3, 3}), relu_u8, kernel},
          {"signed data", images({2, 16, 9, 9}, {32, 16, 3, 3}, DType::i8), relu_u8, kernel},
          {"three channels", images({1, 3, 16, 16}, {24, 3, 3, 3}, DType::i8), relu_u8, kernel},
          {"ragged channels", images({1, 10, 8, 8}, {7, 10, 3, 3}), relu_u8, kernel},
          {"one by one, without bias, to floats", images({3, 64, 7, 7}, {40, 64, 1, 1}),
           [](const Maker& m, const Inputs& in) { return convolve(m, in, {}, false); }, kernel},
          {"to signed integers", images({2, 8, 6, 6}, {16, 8, 3, 3}),
           [](const Maker& m, const Inputs& in) {
             return m.quantized(convolve(m, in, same(1, 2)), 0.05, 0, DType::i8);
           },
           kernel},
          {"by channel, with relu6", images({2, 32, 9, 9}, {32, 1, 3, 3}),
           [](const Maker& m, const Inputs& in) {
             const Tensor y = minimum(relu(convolve(m, in, same(32))), 6.0);
             return m.quantized(y, 6.0 / 255, 0, DType::u8);
           },
           kernel},
          {"relu6 below the integers' range", images({2, 8, 9, 9}, {16, 8, 3, 3}),
           [](const Maker& m, const Inputs& in) {
             return m.quantized(minimum(relu(convolve(m, in, same())), 6.0), 0.04, 0, DType::u8);
           },
           kernel}};
}
std::vector<Int8Case> conv_tail_cases() {
  const std::string kernel = "dnnl_int8_conv";
  return {
      {"groups", images({1, 32, 5, 5}, {64, 8, 3, 3}, DType::i8),
       [](const Maker& m, const Inputs& in) {
         return m.quantized(relu(convolve(m, in, same(4))), 0.05, 0, DType::u8);
       },
       kernel},
      {"a residual and relu",
       images({2, 16, 8, 8}, {16, 16, 3, 3}),
       [](const Maker& m, const Inputs& in) {
         const Tensor y = convolve(m, in, same()) + m.dequantized(in[1], 0.01, 0);
         return m.quantized(relu(y), 0.04, 0, DType::u8);
       },
       kernel,
       {Type(DType::u8, {2, 16, 8, 8})}},
      {"a signed residual",
       images({2, 16, 8, 8}, {16, 16, 3, 3}),
       [](const Maker& m, const Inputs& in) {
         const Tensor y = m.dequantized(in[1], 0.01, 0) + convolve(m, in, same());
         return m.quantized(y, 0.05, 0, DType::i8);
       },
       kernel,
       {Type(DType::i8, {2, 16, 8, 8})}},
      {"silu", images({2, 16, 8, 8}, {16, 16, 3, 3}),
       [](const Maker& m, const Inputs& in) {
         return m.quantized(silu(convolve(m, in, same())), 0.04, 0, DType::i8);
       },
       kernel},
      {"along one axis", images({2, 16, 30}, {8, 16, 5}),
       [](const Maker& m, const Inputs& in) {
         const Tensor y = conv(m.x(in[0]), m.w({8, 1, 1}), m.vector({8}, 11, -1, 1), {});
         return m.quantized(relu(y), 0.05, 0, DType::u8);
       },
       kernel},
  };
}

// Of the data: what is padded is 0, whatever the integer for it is.
std::vector<Int8Case> zero_point_cases() {
  const auto with = [](const ConvAttrs& attrs) {
    return [attrs](const Maker& m, const Inputs& in) {
      return m.quantized(convolve(m, in, attrs), 0.05, 3, DType::i8);
    };
  };
  const ConvAttrs dilated{.pad_begin = {2, 2}, .pad_end = {2, 2}, .dilation = {2, 2}},
      uneven{.stride = {2, 1}, .pad_begin = {0, 2}, .pad_end = {1, 1}};
  std::vector<Int8Case> cases;
  for (const auto& [dtype, zero] : {std::pair(DType::i8, -128), std::pair(DType::u8, 117)}) {
    const auto made = [&](const Shape& x, const Shape& w) { return images(x, w, dtype, zero); };
    const std::vector<Int8Case> more{
        {"padded", made({2, 16, 9, 9}, {32, 16, 3, 3}), with(same())},
        {"three channels", made({1, 3, 16, 16}, {24, 3, 7, 7}), with(same(1, 2))},
        {"by channel", made({2, 32, 9, 9}, {32, 1, 3, 3}), with(same(32))},
        {"one by one", made({1, 64, 7, 7}, {40, 64, 1, 1}), with({})},
        {"ragged channels", made({1, 10, 8, 8}, {7, 10, 3, 3}), with(same())},
        {"many channels", made({1, 128, 14, 14}, {96, 128, 3, 3}), with(same())},
        {"dilation", made({2, 16, 9, 9}, {16, 16, 3, 3}), with(dilated)},
        {"uneven padding", made({2, 16, 9, 9}, {16, 16, 3, 3}), with(uneven)},
        {"along three axes", made({1, 16, 5, 6, 7}, {8, 16, 3, 3, 3}),
         [](const Maker& m, const Inputs& in) {
           const ConvAttrs attrs{.pad_begin = {1, 1, 1}, .pad_end = {1, 1, 1}};
           return m.quantized(conv(m.x(in[0]), m.w({8, 1, 1, 1, 1}), {}, attrs), 0.05, 0,
                              DType::u8);
         }}};
    cases.insert(cases.end(), more.begin(), more.end());
  }
  for (Int8Case& c : cases) c.kernel = "dnnl_int8_conv";
  return cases;
}

std::vector<Int8Case> matmul_cases() {
  const std::string kernel = "dnnl_int8_matmul";
  const auto biased = [](bool transposed) {
    return [transposed](const Maker& m, const Inputs& in) {
      const int64_t n = m.w_shape[transposed ? 0 : 1];
      return multiply(m, in, transposed) + m.vector({n}, 11, -1, 1);
    };
  };
  const auto gelu_u8 = [biased](const Maker& m, const Inputs& in) {
    return m.quantized(gelu(biased(true)(m, in)), 0.02, 9, DType::u8);
  };
  return {
      {"to floats", rows({5, 64}, {64, 48}), biased(false), kernel},
      {"transposed, with a zero point", rows({2, 9, 64}, {48, 64}, DType::u8, 117), biased(true),
       kernel},
      {"signed data with a zero point", rows({7, 33}, {33, 20}, DType::i8, -5), biased(false),
       kernel},
      {"one row", rows({1, 256}, {512, 256}, DType::u8, 128), biased(true), kernel},
      {"gelu, to a zero point", rows({6, 40}, {24, 40}, DType::u8, 100), gelu_u8, kernel},
      {"relu to a zero point", rows({6, 40}, {24, 40}, DType::u8, 100),
       [biased](const Maker& m, const Inputs& in) {
         return m.quantized(relu(biased(true)(m, in)), 0.05, 20, DType::u8);
       },
       kernel},
      {"bias, to a zero point", rows({6, 40}, {24, 40}, DType::u8, 100),
       [biased](const Maker& m, const Inputs& in) {
         return m.quantized(biased(true)(m, in), 0.05, 128, DType::u8);
       },
       kernel},
      {"gelu and a factor for each column", rows({6, 40}, {24, 40}, DType::u8, 100),
       [biased](const Maker& m, const Inputs& in) {
         const Tensor y = gelu(biased(true)(m, in)) * m.vector({24}, 13, 0.1, 4);
         return m.quantized(y, 0.05, 10, DType::u8);
       },
       kernel},
      {"scaled, with a residual in floats",
       rows({4, 6, 64}, {32, 64}, DType::u8, 90),
       [biased](const Maker& m, const Inputs& in) {
         return biased(true)(m, in) * m.scalar(0.125) + cast(in[1], m.dtype);
       },
       kernel,
       {Type(DType::f32, {4, 6, 32})}},
  };
}

TEST(Int8, ConvolutionsAreOneKernelAndRight) {
  for (const Int8Case& c : conv_cases()) check(c);
  for (const Int8Case& c : conv_tail_cases()) check(c);
}
TEST(Int8, ConvolutionsTakeZeroPoints) {
  for (const Int8Case& c : zero_point_cases()) check(c);
}
TEST(Int8, MatrixProductsAreOneKernelAndRight) {
  for (const Int8Case& c : matmul_cases()) check(c);
}

TEST(Int8, SumsAreRightAtTheEndsOfTheRange) {
  for (const Fill fill : {Fill::most, Fill::least, Fill::ends}) {
    for (std::vector<Int8Case> cases :
         {conv_cases(), conv_tail_cases(), zero_point_cases(), matmul_cases()}) {
      for (Int8Case& c : cases) {
        c.maker.fill = fill;
        check(c);
      }
    }
    for (const DType dtype : {DType::u8, DType::i8}) {  // as many products as a sum may have
      Maker m = rows({2, 65000}, {65000, 16}, dtype);
      m.fill = fill;
      check({"long sums", m, [](const Maker& made, const Inputs& in) { return multiply(made, in); },
             "dnnl_int8_matmul"});
    }
  }
}

TEST(Int8, SumsThatCouldOverflowAreFloats) {
  const Int8Case c{"too long", rows({1, 70000}, {70000, 16}),
                   [](const Maker& m, const Inputs& in) { return multiply(m, in); }, ""};
  const Runner runner(graph_of(c, DType::f32), cpu_backend());
  EXPECT_EQ(explain(runner.program(), false).find("int8"), std::string::npos);
}

// Only a value that is read by nothing else is computed within the region.
TEST(Int8, AValueThatOthersReadIsComputedOnce) {
  Int8Case c{"shared", rows({4, 64}, {64, 32}),
             [](const Maker& m, const Inputs& in) {
               const Tensor y = multiply(m, in);
               return m.quantized(relu(y), 0.05, 0, DType::u8);
             },
             "dnnl_int8_matmul"};
  Graph graph = graph_of(c, DType::f32);
  graph.outputs.push_back(graph.outputs[0].node().inputs[0].node().inputs[0]);
  const Runner runner(graph, cpu_backend());
  int products = 0;
  for (const StepInfo& s : explain_steps(runner.program())) products += s.kernel == c.kernel;
  EXPECT_EQ(products, 1);
}

// Integers stay integers; what is around them is bf16.
TEST(Int8, MixedPrecisionLeavesProductsOfIntegersAlone) {
  const Int8Case c{"mixed", rows({16, 64}, {64, 32}),
                   [](const Maker& m, const Inputs& in) {
                     const Tensor y = relu(multiply(m, in));
                     const Tensor z = matmul(y, m.vector({32, 48}, 12, -1, 1));
                     return matmul(
                         m.dequantized(m.quantized(z, 0.5, 100, DType::u8), 0.5, 100),
                         dequantize(quantize(m.vector({48, 8}, 13, -1, 1), m.scalar(0.01), {}),
                                    m.scalar(0.01), {}, {.dtype = m.dtype}));
                   },
                   ""};
  const Graph graph = graph_of(c, DType::f32);
  const ProgramPtr program = Program::build(graph, cpu_backend(), {.precision = Arithmetic::bf16});
  int integers_found = 0, halves = 0;
  for (const StepInfo& s : explain_steps(*program)) {
    integers_found += s.kernel == "dnnl_int8_matmul";
    halves += s.what == "matmul" && s.type.starts_with("bf16");
  }
  EXPECT_EQ(integers_found, 2) << explain(*program, false);
  EXPECT_EQ(halves, 1) << explain(*program, false);
}

TEST(Int8, MaxPoolingIsOfIntegers) {
  for (const DType dtype : {DType::u8, DType::i8}) {
    for (const Fill fill : {Fill::random, Fill::ends, Fill::least}) {
      Graph graph;
      graph.inputs.push_back(make_input(Type(dtype, {2, 20, 13, 11}), "x"));
      graph.outputs.push_back(max_pool2d(graph.inputs[0], 3, 2, 1));
      const std::vector<Array> inputs{integers(dtype, {2, 20, 13, 11}, 3, fill)};
      Runner runner(graph, cpu_backend());
      EXPECT_NE(explain(runner.program(), false).find("dnnl_int8_pool"), std::string::npos);
      EXPECT_EQ(numbers(runner.run(inputs)[0]),
                numbers(Runner(graph, reference_backend()).run(inputs)[0]));
    }
  }
}

TEST(Int8, MovesBetweenTheSameScalesAreOfIntegers) {
  Graph graph;
  graph.inputs.push_back(make_input(Type(DType::u8, {1, 16, 8, 8}), "x"));
  const Tensor scale = full(0.1, {}), x = dequantize(graph.inputs[0], scale, {});
  graph.outputs.push_back(quantize(max_pool2d(x, 2), scale, {}, QuantizeAttrs{.dtype = DType::u8}));
  const Runner runner(graph, cpu_backend());
  const auto nodes = runner.program().graph().nodes();
  for (const NodePtr& node : nodes) {
    EXPECT_FALSE(is(*node, Op::quantize) || is(*node, Op::dequantize)) << node->op->name;
  }
}

}  // namespace
}  // namespace suan
