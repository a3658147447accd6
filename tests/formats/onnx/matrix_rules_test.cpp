// Matrix products, einsum and quantized products beyond what the official suite covers.
// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

using Bytes = std::vector<uint8_t>;
using Numbers = std::vector<int32_t>;

TEST(OnnxGemm, ScalesWholeNumbersAsRealOnes) {
  const Tensor a = tensor_of<int32_t>({1, 2, 3, 4}, {2, 2}), c = tensor_of<int32_t>({1, -1}, {2});
  const auto y = node_of("Gemm").in(a).in(a).in(c).with("alpha", 0.5F).with("beta", 3.0).run();
  EXPECT_EQ(values_of<int32_t>(y[0]), (Numbers{6, 2, 10, 8}));
}

// Sums of products of whole numbers, far from what 16 bits hold.
Tensor bytes(const Shape& shape, int step) {
  Array x(DType::u8, shape);
  for (int64_t i = 0; i < x.numel(); ++i) x.as<uint8_t>()[i] = static_cast<uint8_t>(i * step + 7);
  return Tensor::from(x);
}

TEST(OnnxQuantized, StaysExactInABf16Engine) {
  const Tensor scale = floats({0.001F}, {}), zero = Tensor::of<uint8_t>({3}, {});
  const OneNode nodes[] = {
      {"MatMulInteger", {bytes({5, 70}, 37), bytes({70, 6}, 91), zero, zero}, {}, 10},
      {"ConvInteger", {bytes({1, 32, 6, 6}, 37), bytes({32, 32, 3, 3}, 91), zero}, {}, 10},
      {"QLinearMatMul",
       {bytes({5, 70}, 37), scale, zero, bytes({70, 6}, 91), scale, zero, scale * 20.0, zero},
       {},
       10},
      {"QLinearConv",
       {bytes({1, 32, 6, 6}, 37), scale, zero, bytes({32, 32, 3, 3}, 91), scale, zero,
        scale * 100.0, zero},
       {},
       10}};
  for (const OneNode& node : nodes) {
    Engine engine(node.model(), {.precision = Arithmetic::bf16});
    const Tensor got = engine.run(node.arguments())[0].tensor;
    EXPECT_EQ(engine.interpreted_because(node.arguments()), "") << node.op;
    EXPECT_EQ(OneNode::numbers(got),
              OneNode::numbers(node.model()->interpret(node.arguments())[0].tensor))
        << node.op;
  }
}

TEST(OnnxMatMul, StaysExactBeyondWhatFloatsHold) {
  const int64_t big = (int64_t{1} << 40) + 1;
  const auto y = node_of("MatMul")
                     .in(tensor_of<int64_t>({big, 1, 3, big}, {2, 2}))
                     .in(tensor_of<int64_t>({5, 0, 7, 1}, {2, 2}))
                     .run();
  EXPECT_EQ(values_of<int64_t>(y[0]), (Ints{5 * big + 7, 1, 15 + 7 * big, big}));
  const auto z = node_of("MatMul")
                     .in(tensor_of<int32_t>({(1 << 24) + 1, 1}, {1, 2}))
                     .in(tensor_of<int32_t>({1, 2}, {2, 1}))
                     .run();
  EXPECT_EQ(values_of<int32_t>(z[0]), (Numbers{(1 << 24) + 3}));
}

TEST(OnnxGemm, RefusesWhatDoesNotFit) {
  const Tensor a = floats({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(node_of("Gemm").in(a).in(floats({1, 2}, {2})).error(),
            "Gemm: got [2, 2] and [2], expected two matrices");
  EXPECT_EQ(node_of("Gemm").in(a).in(a).in(floats({1, 2, 3}, {3})).error(),
            "Gemm: C is [3], expected it to broadcast to [2, 2]");
}

TEST(OnnxEinsum, TakesDiagonalsSumsAndBroadcasts) {
  const Tensor m = floats({1, 2, 3, 4}, {2, 2}), v = floats({10, 100}, {2});
  const auto of = [](const std::string& equation, const std::vector<Tensor>& inputs) {
    OneNode node = node_of("Einsum");
    for (const Tensor& array : inputs) node.in(array);
    return node.with("equation", equation).run()[0];
  };
  expect_near(of("ii->i", {m}), {1, 4});
  expect_near(of("ii", {m}), {5});
  expect_near(of("ij->j", {m}), {4, 6});
  expect_near(of("ba", {m}), {1, 3, 2, 4});
  expect_near(of("ii,j->ij", {m, v}), {10, 100, 40, 400});
  expect_near(of("...i,i->...", {m, v}), {210, 430});
  expect_near(of("ij,jk,k", {m, m, v}), {1070, 2350});
  expect_near(of("i...,i...->...", {floats({1, 2}, {2}), m}), {7, 10});
  expect_near(of("ij,ij->ij", {floats({1, 2}, {1, 2}), m}), {1, 4, 3, 8});
}

TEST(OnnxEinsum, SaysWhatIsWrongWithAnEquation) {
  const Tensor m = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  const auto fault = [&](const std::string& equation) {
    return node_of("Einsum").in(m).with("equation", equation).error();
  };
  EXPECT_EQ(fault("ij,jk"), "Einsum: the equation has 2 terms, but there are 1 inputs");
  EXPECT_EQ(fault("ijk"), "Einsum: input 0 is [2, 3], but its term has 3 labels");
  EXPECT_EQ(fault("ii"), "Einsum: label 'i' has two sizes in [2, 3]");
  EXPECT_EQ(fault("ij->k"), "Einsum: the result's label 'k' is in no input");
  EXPECT_EQ(fault("ij->ii"), "Einsum: the result's label 'i' is given twice");
  EXPECT_EQ(fault("i1"), "Einsum: the term 'i1' has more than letters and '...'");
  EXPECT_EQ(fault("......"), "Einsum: '......' has two ellipses");
}

Tensor diagonal(int64_t size, float value) {
  Array x(DType::f32, {size, size});
  std::fill_n(x.as<float>(), x.numel(), 0.0F);
  for (int64_t i = 0; i < size; ++i) x.as<float>()[i * size + (i + 1) % size] = value;
  return Tensor::from(x);
}

TEST(OnnxDet, EliminatesWithPivots) {
  // Rows moved round by one: an even permutation where the size is odd.
  expect_near(node_of("Det").in(diagonal(3, 2)).run()[0], {8});
  expect_near(node_of("Det").in(diagonal(4, 2)).run()[0], {-16});
  expect_near(node_of("Det").in(floats({1, 2, 2, 4, 0, 1, 1, 0}, {2, 2, 2})).run()[0], {0, -1});
  OneNode large = node_of("Det");
  expect_near(large.in(diagonal(40, -1)).run()[0], {-1});
  EXPECT_FALSE(large.reason.empty());  // not unrolled
}

TEST(OnnxIntegers, MultiplyExactlyInLongSums) {
  constexpr int64_t kInner = 3000;
  Array a(DType::u8, {2, kInner}), b(DType::i8, {kInner, 1});
  std::fill_n(a.as<uint8_t>(), a.numel(), uint8_t{255});
  std::fill_n(b.as<int8_t>(), b.numel(), int8_t{-128});
  b.as<int8_t>()[kInner / 2] = -127;
  const int32_t sum = -255 * 128 * kInner + 255;
  EXPECT_EQ(
      values_of<int32_t>(node_of("MatMulInteger").in(Tensor::from(a)).in(Tensor::from(b)).run()[0]),
      (Numbers{sum, sum}));
}

TEST(OnnxIntegers, ConvolveExactlyOverManyChannels) {
  constexpr int64_t kChannels = 64;
  Array x(DType::u8, {1, kChannels, 6, 6}), w(DType::u8, {32, kChannels, 3, 3});
  std::fill_n(x.as<uint8_t>(), x.numel(), uint8_t{255});
  std::fill_n(w.as<uint8_t>(), w.numel(), uint8_t{255});
  w.as<uint8_t>()[0] = 254;
  const auto y =
      values_of<int32_t>(node_of("ConvInteger").in(Tensor::from(x)).in(Tensor::from(w)).run()[0]);
  EXPECT_EQ(y[0], 255 * 255 * kChannels * 9 - 255);
  EXPECT_EQ(y.back(), 255 * 255 * kChannels * 9);
}

TEST(OnnxQuantizeLinear, RoundsToEvenAndSaturates) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = floats({0.5, 1.5, -0.5, 126.5, 127.5, 1e30F, -1e30F, inf, -inf, NAN}, {10});
  const auto y = node_of("QuantizeLinear", 21)
                     .in(x)
                     .in(floats({1}, {}))
                     .in(tensor_of<uint8_t>({128}, {}))
                     .run();
  EXPECT_EQ(values_of<uint8_t>(y[0]), (Bytes{128, 130, 128, 254, 255, 255, 0, 255, 0, 0}));
}

TEST(OnnxQuantizeLinear, TakesScalesByAxisAndByBlock) {
  const Tensor x = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  const auto by_axis =
      node_of("QuantizeLinear", 21).in(x).in(floats({1, 0.5}, {2})).with("axis", 0);
  EXPECT_EQ(values_of<uint8_t>(OneNode(by_axis).run()[0]), (Bytes{1, 2, 3, 8, 10, 12}));
  const Tensor scales = floats({1, 0.5, 1, 2}, {2, 2});
  const auto by_block = node_of("QuantizeLinear", 21).in(x).in(scales).with("block_size", 2);
  EXPECT_EQ(values_of<uint8_t>(OneNode(by_block).run()[0]), (Bytes{1, 2, 6, 4, 5, 3}));
}

TEST(OnnxQuantizeLinear, RefusesScalesThatDoNotFit) {
  const Tensor x = floats({1, 2, 3, 4, 5, 6}, {2, 3}), scales = floats({1, 2}, {2});
  EXPECT_EQ(node_of("QuantizeLinear", 21).in(x).in(scales).error(),
            "QuantizeLinear: a scale or zero point is [2], expected one number or [3]");
  EXPECT_EQ(node_of("QuantizeLinear", 21).in(x).in(scales).with("block_size", 2).error(),
            "QuantizeLinear: a scale or zero point is [2], expected [2, 2] for blocks of 2 along "
            "axis 1 of [2, 3]");
  EXPECT_EQ(node_of("QuantizeLinear", 21).in(x).in(scales).with("output_dtype", 7).error(),
            "QuantizeLinear: quantizes to i64, expected an integer of at most 16 bits or a small "
            "float");
}

}  // namespace
}  // namespace suan::onnx
