// Products of 8-bit integers with weights that the model has: exact, and recorded in the form that
// kernels for integers take.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/graph.h"
#include "suan/ops/op.h"
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

using Numbers = std::vector<int32_t>;

// Numbers of an 8-bit dtype that come again after `period`.
Tensor numbers_of(DType dtype, const Shape& shape, int step, int period = 256) {
  Array x(dtype, shape);
  for (int64_t i = 0; i < x.numel(); ++i) {
    x.as<uint8_t>()[i] = static_cast<uint8_t>((i * step + 7) % period);
  }
  return Tensor::from(x);
}
Tensor filled(DType dtype, const Shape& shape, int value) {
  Array x(dtype, shape);
  std::fill_n(x.as<uint8_t>(), x.numel(), static_cast<uint8_t>(value));
  return Tensor::from(x);
}
Tensor byte(int value) { return filled(DType::u8, {}, value); }

std::vector<double> wide(const Tensor& x) { return OneNode::numbers(x); }

// sum_k (a[m, k] - za) (b[k, n] - zb)
std::vector<double> product(const Tensor& a, double za, const Tensor& b, double zb) {
  const auto x = wide(a), w = wide(b);
  const auto rows = static_cast<size_t>(a.shape()[0]), inner = static_cast<size_t>(a.shape()[1]),
             columns = static_cast<size_t>(b.shape()[1]);
  std::vector<double> y(rows * columns, 0.0);
  for (size_t m = 0; m < rows; ++m) {
    for (size_t n = 0; n < columns; ++n) {
      for (size_t k = 0; k < inner; ++k) {
        y[m * columns + n] += (x[m * inner + k] - za) * (w[k * columns + n] - zb);
      }
    }
  }
  return y;
}

// How often the recorded graph has the op.
int count(const OneNode& node, Op op) {
  std::vector<Value> arguments = node.arguments();
  int found = 0;
  const auto graph = node.model()->specialise(arguments).graph;
  for (const NodePtr& n : graph.nodes()) found += is(*n, op);
  return found;
}

TEST(OnnxMatMulInteger, IsExactWithWeightsOfTheModel) {
  for (const DType dtype : {DType::i8, DType::u8}) {
    for (const int zero : {0, 128, 5}) {
      SCOPED_TRACE(fmt::format("{} {}", name(dtype), zero));
      OneNode node = node_of("MatMulInteger");
      const Tensor a = numbers_of(DType::u8, {5, 70}, 37), b = numbers_of(dtype, {70, 6}, 91);
      const Tensor zero_b = filled(dtype, {}, zero);
      node.in(a).in(b).in(byte(3)).in(zero_b);
      node.constants = {1, 2, 3};
      EXPECT_EQ(wide(node.run()[0]), product(a, 3, b, wide(zero_b)[0]));
      EXPECT_EQ(node.reason, "");
      EXPECT_EQ(count(node, Op::dequantize), 2);
    }
  }
}

// What onnxruntime writes for ranges that are found as the model runs.
TEST(OnnxMatMulInteger, TakesAZeroPointThatOnlyDataGives) {
  for (const int zero : {0, 77, 255}) {
    OneNode node = node_of("MatMulInteger");
    const Tensor a = numbers_of(DType::u8, {5, 300}, 37), b = numbers_of(DType::i8, {300, 6}, 91);
    node.in(a).in(b).in(byte(zero)).in(filled(DType::i8, {6}, 0));
    node.constants = {1, 3};
    EXPECT_EQ(wide(node.run()[0]), product(a, zero, b, 0));
    EXPECT_EQ(count(node, Op::dequantize), 2);
  }
}

TEST(OnnxMatMulInteger, CutsSumsThatF32DoesNotHold) {
  const Tensor a = filled(DType::u8, {2, 3000}, 255), b = filled(DType::i8, {3000, 2}, 0x80);
  OneNode node = node_of("MatMulInteger");
  node.in(a).in(b);
  node.constants = {1};
  EXPECT_EQ(values_of<int32_t>(node.run()[0]), Numbers(4, -255 * 128 * 3000));
  EXPECT_EQ(count(node, Op::matmul), 8);
  // Signs that even out need no cuts, if no order of adding exceeds that.
  OneNode even = node_of("MatMulInteger");
  even.in(numbers_of(DType::u8, {2, 3000}, 37)).in(numbers_of(DType::i8, {3000, 2}, 1, 32));
  even.constants = {1};
  EXPECT_EQ(count(even, Op::matmul), 1);
  EXPECT_EQ(wide(even.run()[0]), product(even.inputs[0], 0, even.inputs[1], 0));
}

TEST(OnnxConvInteger, CutsChannelsAndIsExact) {
  constexpr int64_t kChannels = 64;
  OneNode node = node_of("ConvInteger");
  node.in(filled(DType::u8, {1, kChannels, 5, 5}, 255))
      .in(filled(DType::u8, {3, kChannels, 3, 3}, 1));
  node.in(byte(0)).in(byte(255)).with("pads", Ints{1, 1, 1, 1});
  node.constants = {1, 2, 3};
  const auto y = values_of<int32_t>(node.run()[0]);
  EXPECT_EQ(y[0], -254 * 255 * kChannels * 4);
  EXPECT_EQ(y[6], -254 * 255 * kChannels * 9);
  EXPECT_EQ(count(node, Op::conv), 4);
}

TEST(OnnxConvInteger, TakesAZeroPointThatOnlyDataGives) {
  for (const int groups : {1, 4}) {
    OneNode late = node_of("ConvInteger");
    late.in(numbers_of(DType::u8, {2, 8, 5, 6}, 37));
    late.in(numbers_of(DType::i8, {4, 8 / groups, 3, 3}, 91)).in(byte(77));
    late.with("pads", Ints{1, 0, 1, 2}).with("strides", Ints{2, 1}).with("group", groups);
    OneNode known = late;
    late.constants = {1};
    known.constants = {1, 2};
    EXPECT_EQ(wide(late.run()[0]), wide(known.run()[0]));
    EXPECT_EQ(late.reason, "");
    EXPECT_EQ(count(late, Op::conv), 1);  // that of the weights' sums is known
  }
}

double requantized(double y, double low, double high) {
  return std::min(std::max(std::nearbyint(y), low), high);
}

TEST(OnnxQLinearMatMul, RoundsExactSumsOnce) {
  const Tensor a = numbers_of(DType::u8, {5, 70}, 37), b = numbers_of(DType::i8, {70, 6}, 91);
  OneNode node = node_of("QLinearMatMul");
  node.in(a).in(floats({0.02F}, {})).in(byte(100)).in(b);
  node.in(floats({0.5F, 0.25F, 0.125F, 1, 2, 0.0625F}, {6})).in(filled(DType::i8, {6}, 0));
  node.in(floats({32}, {})).in(byte(121));
  node.constants = {1, 2, 3, 4, 5, 6, 7};
  const auto scales = wide(node.inputs[4]);
  std::vector<double> want = product(a, 100, b, 0);
  for (size_t i = 0; i < want.size(); ++i) {
    const auto factor = static_cast<float>(0.02F * static_cast<float>(scales[i % 6])) / 32;
    want[i] = requantized(std::nearbyint(static_cast<float>(want[i]) * factor) + 121, 0, 255);
  }
  EXPECT_EQ(wide(node.run()[0]), want);
  EXPECT_EQ(count(node, Op::dequantize), 2);
  EXPECT_EQ(count(node, Op::quantize), 1);
}

TEST(OnnxQLinearConv, RoundsExactSumsWithABiasOnce) {
  // One by one: a product of [channels, positions].
  const Tensor x = numbers_of(DType::i8, {1, 16, 3, 3}, 37),
               w = numbers_of(DType::u8, {4, 16, 1, 1}, 91);
  OneNode node = node_of("QLinearConv");
  node.in(x).in(floats({0.5F}, {})).in(filled(DType::i8, {}, 0)).in(w);
  node.in(floats({0.5F, 0.25F, 1, 2}, {4})).in(filled(DType::u8, {4}, 128));
  node.in(floats({64}, {})).in(filled(DType::i8, {}, 8));  // even: halves round alike with it
  node.in(tensor_of<int32_t>({1000, -20000, 3, 0}, {4}));
  node.constants = {1, 2, 3, 4, 5, 6, 7, 8};
  const Tensor rows = Tensor::from(Array(DType::u8, {4, 16}, w.array().buffer)),
               columns = Tensor::from(Array(DType::i8, {16, 9}, x.array().buffer));
  std::vector<double> want = product(rows, 128, columns, 0);
  const double bias[] = {1000, -20000, 3, 0}, scales[] = {0.5, 0.25, 1, 2};
  for (size_t i = 0; i < want.size(); ++i) {
    const double y = (want[i] + bias[i / 9]) * (0.5 * scales[i / 9] / 64);  // powers of two
    want[i] = requantized(std::nearbyint(y) + 8, -128, 127);
  }
  EXPECT_EQ(wide(node.run()[0]), want);
  EXPECT_EQ(count(node, Op::dequantize), 2);
  EXPECT_EQ(count(node, Op::quantize), 1);
}

TEST(OnnxQLinearMatMul, RefusesWhatDoesNotFit) {
  const Tensor a = numbers_of(DType::u8, {2, 3}, 37), one = floats({1}, {});
  OneNode node = node_of("QLinearMatMul");
  node.in(a).in(one).in(byte(0)).in(numbers_of(DType::u8, {4, 2}, 1)).in(one).in(byte(0));
  node.in(one).in(byte(0));
  expect_error(node, "QLinearMatMul: inner sizes differ: [2, 3] and [4, 2]");
  node.inputs[3] = floats({1, 2, 3}, {3, 1});
  expect_error(node, "QLinearMatMul: input 3 is f32, expected i8 or u8");
  node.inputs[3] = numbers_of(DType::u8, {3, 2}, 1);
  node.inputs[5] = filled(DType::i8, {}, 0);
  expect_error(node,
               "QLinearMatMul: the zero point of input 3 is i8[], expected it to fit u8[3, 2]");
  node.inputs[5] = byte(0);
  node.inputs[7] = filled(DType::u8, {3, 1, 2}, 0);
  expect_error(node, "QLinearMatMul: a zero point has more axes than the result");
  node.inputs[7] = byte(0);
  node.inputs[4] = floats({1, 2}, {1, 1, 2});
  expect_error(node, "QLinearMatMul: a scale has more axes than the result");
}

// Zero points that say nothing are left out, since kernels take weights without them.
TEST(OnnxDequantizeLinear, LeavesOutWhatWeightsDoNotNeed) {
  for (const bool middle : {false, true}) {
    const DType dtype = middle ? DType::u8 : DType::i8;
    OneNode node = node_of("DequantizeLinear");
    const Tensor q = numbers_of(dtype, {3, 5}, 37);
    node.in(q).in(floats({1, 0.5F, 0.25F}, {3})).in(filled(dtype, {3}, middle ? 128 : 0));
    node.with("axis", 0);
    node.constants = {0, 1, 2};
    std::vector<double> want = wide(q);
    for (size_t i = 0; i < want.size(); ++i) {
      want[i] = (want[i] - (middle ? 128 : 0)) / (1 << (i / 5));
    }
    EXPECT_EQ(wide(node.run()[0]), want);
    const auto graph = node.model()->specialise({}).graph;
    const Node& back = graph.outputs[0].node();
    ASSERT_TRUE(is(back, Op::dequantize));
    EXPECT_EQ(back.inputs[0].dtype(), DType::i8);
    EXPECT_FALSE(back.inputs.size() > 2 && back.inputs[2]);
  }
}

}  // namespace
}  // namespace suan::onnx
