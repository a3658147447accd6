// MatMulNBits against the sums that its definition gives.
// SPDX-License-Identifier: Apache-2.0
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

struct Sizes {
  int64_t n = 3, k = 40, block = 16, bits = 4;
  int64_t blocks() const { return (k + block - 1) / block; }
};
uint8_t stored(const Sizes& s, int64_t n, int64_t k) {
  return static_cast<uint8_t>((n * 7 + k * 5 + 3) % (int64_t{1} << s.bits));
}
uint8_t zero_of(const Sizes& s, int64_t n, int64_t b) {
  return static_cast<uint8_t>((n * 3 + b + 6) % (int64_t{1} << s.bits));
}
float scale_of(int64_t n, int64_t b) { return 0.25F * static_cast<float>(n + 2 * b + 1); }

// Rows of numbers in whole bytes, two in each where they have 4 bits.
template <class F>
Tensor packed(const Sizes& s, int64_t columns, const Shape& shape, const F& number) {
  Array bytes(DType::u8, shape);
  std::fill_n(bytes.as<uint8_t>(), bytes.numel(), uint8_t{0});
  const int64_t row = (columns * s.bits + 7) / 8;
  for (int64_t n = 0; n < s.n; ++n) {
    for (int64_t i = 0; i < columns; ++i) {
      const int64_t bit = i * s.bits;
      bytes.as<uint8_t>()[n * row + bit / 8] |= static_cast<uint8_t>(number(n, i) << (bit % 8));
    }
  }
  return Tensor::from(bytes);
}
Tensor weights(const Sizes& s) {
  return packed(s, s.blocks() * s.block, {s.n, s.blocks(), s.block * s.bits / 8},
                [&](int64_t n, int64_t k) { return stored(s, n, k); });
}
Tensor scales(const Sizes& s, DType dtype) {
  Array a(DType::f32, {s.n * s.blocks()});
  for (int64_t i = 0; i < a.numel(); ++i) {
    a.as<float>()[i] = scale_of(i / s.blocks(), i % s.blocks());
  }
  return Tensor::from(cast(Tensor::from(a), dtype).array());
}
Tensor data(const Sizes& s, DType dtype) {
  Array a(DType::f32, {2, s.k});
  for (int64_t i = 0; i < a.numel(); ++i) a.as<float>()[i] = static_cast<float>(i % 5 - 2);
  return Tensor::from(cast(Tensor::from(a), dtype).array());
}

OneNode node_with(const Sizes& s, DType dtype = DType::f32) {
  OneNode node{.op = "MatMulNBits", .inputs = {}, .opset = 1, .domain = "com.microsoft"};
  node.in(data(s, dtype)).in(weights(s)).in(scales(s, dtype));
  node.with("N", s.n).with("K", s.k).with("bits", s.bits).with("block_size", s.block);
  node.constants = {1, 2, 3, 5};
  return node;
}

template <class F>
std::vector<double> expected(const Sizes& s, const F& zero) {
  const auto x = OneNode::numbers(data(s, DType::f32));
  std::vector<double> y;
  for (int64_t m = 0; m < 2; ++m) {
    for (int64_t n = 0; n < s.n; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < s.k; ++k) {
        const int64_t b = k / s.block;
        sum += x[static_cast<size_t>(m * s.k + k)] * (stored(s, n, k) - zero(n, b)) *
               static_cast<double>(scale_of(n, b));
      }
      y.push_back(sum);
    }
  }
  return y;
}

const Sizes kCases[] = {{}, {.k = 32}, {.k = 128, .block = 64}, {.bits = 8}};

TEST(OnnxMatMulNBits, CountsFromTheMiddleOfTheRange) {
  for (const Sizes& s : kCases) {
    const auto want = expected(s, [&](int64_t, int64_t) { return 1 << (s.bits - 1); });
    OneNode node = node_with(s);
    expect_near(node.run()[0], "f32[2, 3]", want, 1e-2);
    EXPECT_EQ(node.reason, "");
  }
}

TEST(OnnxMatMulNBits, TakesZeroPointsThatArePackedOrFloats) {
  for (const Sizes& s : kCases) {
    const auto zero = [&](int64_t n, int64_t b) { return zero_of(s, n, b); };
    const int64_t bytes = (s.blocks() * s.bits + 7) / 8;
    const auto want = expected(s, zero);
    OneNode node = node_with(s);
    expect_near(node.in(packed(s, s.blocks(), {s.n * bytes}, zero)).run()[0], want);
    Array zeros(DType::f32, {s.n, s.blocks()});
    for (int64_t i = 0; i < zeros.numel(); ++i) {
      zeros.as<float>()[i] = zero_of(s, i / s.blocks(), i % s.blocks());
    }
    OneNode floating = node_with(s);
    expect_near(floating.in(Tensor::from(zeros)).run()[0], want);
  }
}

TEST(OnnxMatMulNBits, AddsABiasAndComputesF16InF32) {
  const Sizes s;
  auto want = expected(s, [](int64_t, int64_t) { return 8; });
  for (size_t i = 0; i < want.size(); ++i) want[i] += static_cast<double>(i % 3);
  const Tensor bias = Tensor::from(cast(floats({0, 1, 2}, {3}), DType::f16).array());
  OneNode node = node_with(s, DType::f16);
  expect_near(node.absent().absent().in(bias).run()[0], "f16[2, 3]", want, 1);
}

TEST(OnnxMatMulNBits, RefusesWhatDoesNotFit) {
  const Sizes s;
  const auto with = [&](const std::string& name, int64_t value) {
    return node_with(s).with(name, value);
  };
  expect_error(with("bits", 2), "MatMulNBits: the weights have 2 bits, expected 4 or 8");
  expect_error(with("N", 0), "MatMulNBits: N is 0 and K is 40, expected at least 1");
  expect_error(with("block_size", 0),
               "MatMulNBits: block_size is 0, expected an even number above 0");
  expect_error(with("K", 41), "MatMulNBits: got f32[2, 40], expected floats with 41 columns");
  expect_error(with("N", 4), "MatMulNBits: input 2 is [9], expected 12 elements");
  expect_error(with("bits", 8), "MatMulNBits: input 1 is [3, 3, 8], expected 144 elements");
  OneNode ordered = node_with(s);
  expect_error(ordered.absent().in(tensor_of<int32_t>({0}, {1})),
               "MatMulNBits: g_idx (rows in another order than blocks) is not supported");
}

}  // namespace
}  // namespace suan::onnx
