// Windows, Fourier transforms, random numbers, bits and scattering: what ONNX's own suite does not
// try, and what each refuses. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <complex>
#include <numbers>
#include <numeric>

#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

Tensor number(int64_t value) { return Tensor::of<int64_t>({value}, {}); }

TEST(OnnxSignals, GivesWindowsOfAnySize) {
  expect_near(OneNode{"HannWindow", {number(0)}}.run()[0], "f32[0]", {});
  expect_near(OneNode{"HannWindow", {number(1)}, {{"periodic", int64_t{0}}}}.run()[0], "f32[1]",
              {0});
  expect_near(OneNode{"HannWindow", {number(4)}, {{"output_datatype", int64_t{11}}}}.run()[0],
              "f64[4]", {0, 0.5, 1, 0.5});
  expect_error({"HammingWindow", {number(-1)}},
               "HammingWindow: input 0 is -1, expected 0 to 268435456");
  expect_error({"BlackmanWindow", {number(int64_t{1} << 60)}},
               "BlackmanWindow: input 0 is 1152921504606846976, expected 0 to 268435456");
}

TEST(OnnxSignals, TransformsThereAndBack) {
  for (int64_t n : {5, 8, 67, 96, 2 * 2053}) {
    Array x(DType::f64, {2, n, 1});
    for (int64_t i = 0; i < 2 * n; ++i) x.as<double>()[i] = std::sin(static_cast<double>(i * i));
    const Attributes one{{"onesided", int64_t{1}}};
    const Tensor y = OneNode{"DFT", {Tensor::from(x)}, one}.run()[0];
    EXPECT_EQ(to_string(y.shape()), to_string(Shape{2, n / 2 + 1, 2}));
    const OneNode back{"DFT", {y, number(n)}, {{"onesided", int64_t{1}}, {"inverse", int64_t{1}}}};
    expect_near(back.run()[0], to_string(Type(DType::f64, {2, n, 1})),
                OneNode::numbers(Tensor::from(x)), 1e-9);
  }
}

TEST(OnnxSignals, TransformsByFactorsAndByConvolution) {
  for (int64_t n : {70, 64 * 65, 2053}) {
    Array x(DType::f64, {n, 2});
    for (int64_t i = 0; i < 2 * n; ++i) x.as<double>()[i] = std::sin(static_cast<double>(i * i));
    const auto y = OneNode::numbers(OneNode{"DFT", {Tensor::from(x)}}.run()[0]);
    for (int64_t k : {int64_t{0}, int64_t{1}, n / 2, n - 1}) {
      std::complex<double> sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        const double angle =
            -2 * std::numbers::pi * static_cast<double>(i * k % n) / static_cast<double>(n);
        sum +=
            std::complex(x.as<double>()[2 * i], x.as<double>()[2 * i + 1]) * std::polar(1.0, angle);
      }
      EXPECT_NEAR(y[static_cast<size_t>(2 * k)], sum.real(), 1e-8) << n;
      EXPECT_NEAR(y[static_cast<size_t>(2 * k + 1)], sum.imag(), 1e-8) << n;
    }
  }
}

TEST(OnnxSignals, CutsAndPadsSignals) {
  const Tensor x = floats({1, 2, 3, 4}, {1, 4, 1});
  OneNode node{"DFT", {x, number(2)}, {{"axis", int64_t{1}}}, 17};
  expect_near(node.run()[0], "f32[1, 2, 2]", {3, 0, -1, 0});
  node.inputs[1] = number(6);
  EXPECT_EQ(to_string(node.run()[0].type()), "f32[1, 6, 2]");
  node.inputs[1] = number(0);
  expect_error(node, "DFT: input 1 is 0, expected 1 to 268435456");
  node = {"DFT", {floats({1, 2}, {1, 2})}, {{"onesided", int64_t{1}}}};
  expect_error(
      node,
      "DFT: a one-sided transform is of real signals, its inverse of complex ones, got [1, 2]");
  expect_error({"DFT", {x, Tensor(), number(2)}}, "DFT: axis 2 holds the parts of a number");
  expect_error({"DFT", {floats({1, 2, 3}, {1, 3})}},
               "DFT: the signal is [1, 3], expected [..., 1] or [..., 2]");
}

TEST(OnnxSignals, TransformsFrames) {
  const Tensor x = floats({1, 2, 3, 4, 5}, {1, 5, 1});
  OneNode node{"STFT", {x, number(2), floats({1, 1}, {2})}};
  expect_near(node.run()[0], "f32[1, 2, 2, 2]", {3, 0, -1, 0, 7, 0, -1, 0});
  node.inputs.push_back(number(3));
  expect_error(node, "STFT: the window has 2 elements, expected 3");
  node.inputs = {x, number(2), Tensor(), number(6)};
  expect_error(node, "STFT: got frames of 6 of 5 elements");
  node.inputs = {x, number(0)};
  expect_error(node, "STFT: input 1 is 0, expected 1 to 268435456");
}

TEST(OnnxSignals, RefusesMelScalesBeyondTheSignal) {
  const auto node = [](float high) {
    return OneNode{"MelWeightMatrix",
                   {number(4), number(16), number(8000), floats({0}, {}), floats({high}, {})}};
  };
  EXPECT_EQ(to_string(node(4000).run()[0].type()), "f32[9, 4]");
  EXPECT_THROW(node(9000).model()->interpret(node(9000).arguments()), Error);
  expect_error(node(-1), "MelWeightMatrix: got the frequencies 0 to -1");
}

TEST(OnnxRandom, DrawsAnewInEachRunWithoutASeed) {
  const OneNode nodes[] = {
      {"RandomNormal", {}, {{"shape", Ints{4, 8}}}},
      {"RandomUniformLike", {numbered({4, 8})}},
      {"Bernoulli", {numbered({4, 8}) * 0.0 + 0.5}, {}, 15},
      {"Multinomial", {numbered({1, 16}) * 0.0}, {{"sample_size", int64_t{32}}}},
      {"Dropout",
       {numbered({4, 8}) + 1.0, floats({0.5}, {}), Tensor::of<bool>({true}, {})},
       {},
       13}};
  for (const OneNode& node : nodes) {
    Engine engine(node.model());
    std::vector<std::vector<double>> runs;
    for (int run = 0; run < 3; ++run) {
      runs.push_back(OneNode::numbers(engine.run(node.arguments())[0].tensor));
      EXPECT_EQ(engine.interpreted_because(node.arguments()), "") << node.op;
    }
    EXPECT_NE(runs[0], runs[1]) << node.op;
    EXPECT_NE(runs[1], runs[2]) << node.op;
  }
}

TEST(OnnxRandom, RepeatsARunWithASeed) {
  const OneNode node{"RandomNormal", {}, {{"shape", Ints{32}}, {"seed", 3.0}}};
  Engine engine(node.model());
  const auto first = OneNode::numbers(engine.run(node.arguments())[0].tensor);
  EXPECT_EQ(first, OneNode::numbers(engine.run(node.arguments())[0].tensor));
}

TEST(OnnxRandom, DrawsTheSameFromASeed) {
  const OneNode node{
      "RandomNormal", {}, {{"shape", Ints{1000}}, {"seed", 3.0}, {"mean", 5.0}, {"scale", 2.0}}};
  const auto values = OneNode::numbers(node.run()[0]);
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0) / 1000, 5, 0.3);
  const OneNode like{
      "RandomUniformLike", {numbered({2, 3}, DType::i64)}, {{"dtype", int64_t{10}}, {"seed", 1.0}}};
  EXPECT_EQ(to_string(like.run()[0].type()), "f16[2, 3]");
  expect_error({"RandomUniformLike", {ints({1})}},
               "RandomUniformLike: the dtype is i64, expected a float");
  expect_error({"RandomUniform", {}, {{"shape", Ints{-1}}}},
               "RandomUniform: got the size -1, expected at least 0");
  expect_error({"RandomUniform", {}, {{"shape", Ints{int64_t{1} << 40, 1 << 20}}}},
               "RandomUniform: the shape [1099511627776, 1048576] is too large");
}

TEST(OnnxRandom, DrawsClassesByTheirProbability) {
  const OneNode node{"Multinomial",
                     {floats({0, -100, std::log(3.0f), -100, 0, 0}, {2, 3})},
                     {{"sample_size", int64_t{2000}}, {"seed", 7.0}, {"dtype", int64_t{7}}}};
  const auto drawn = OneNode::numbers(node.run()[0]);
  const auto share = [&](int64_t row, double of) {
    return static_cast<double>(
               std::count(drawn.begin() + row * 2000, drawn.begin() + (row + 1) * 2000, of)) /
           2000;
  };
  EXPECT_NEAR(share(0, 0), 0.25, 0.05);
  EXPECT_EQ(share(0, 1), 0);
  EXPECT_EQ(share(1, 0), 0);
  EXPECT_NEAR(share(1, 2), 0.5, 0.05);
  expect_error({"Multinomial", {floats({1}, {1})}},
               "Multinomial: got [1], expected [batch, classes]");
}

TEST(OnnxBits, ShiftsAndCasts) {
  const OneNode node{"BitShift",
                     {cast(ints({-9, 9}), DType::i8), cast(ints({1, 9}), DType::i8)},
                     {{"direction", "RIGHT"}},
                     28};
  expect_near(node.run()[0], "i8[2]", {-5, 0});
  expect_error({"BitShift", {ints({1}), ints({1})}, {{"direction", "UP"}}},
               "BitShift: direction is 'UP', expected LEFT or RIGHT");
  expect_error({"BitCast", {ints({1})}, {{"to", int64_t{1}}}, 26},
               "bitcast: got i64 of 64 bits and f32 of 32, expected as many");
}

TEST(OnnxScatter, RefusesUnknownReductionsAndFarWrites) {
  const Tensor x = numbered({2, 4, 1});
  expect_error({"ScatterElements",
                {x, numbered({1, 1, 1}, DType::i64), numbered({1, 1, 1})},
                {{"reduction", "xor"}}},
               "ScatterElements: reduction 'xor' is unknown, expected none, add, mul, max or min");
  OneNode cache{"TensorScatter", {x, floats({8, 9}, {2, 1, 1}), ints({3, 0})}, {}, 24};
  expect_near(cache.run()[0], "f32[2, 4, 1]", {0, 1, 2, 8, 9, 5, 6, 7});
  cache.attributes["mode"] = "circular";
  cache.inputs[2] = ints({-1, 6});
  expect_near(cache.run()[0], "f32[2, 4, 1]", {0, 1, 2, 8, 4, 5, 9, 7});
  cache.attributes = {};
  EXPECT_THROW(cache.model()->interpret(cache.arguments()), Error);
  cache.inputs[1] = floats({8, 9}, {2, 1});
  expect_error(cache, "TensorScatter: got the cache [2, 4, 1], the update [2, 1] and axis 1");
}

}  // namespace
}  // namespace suan::onnx
