// Weights as integers with scales for channels and blocks.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/backend/evaluate.h"
#include "suan/ops/quantize.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

const Node& layer_of(const Tensor& t) { return t.node(); }
Array value(const Tensor& t) { return evaluate(t, reference_backend()); }
double worst_error(const Array& a, const Array& b) {
  double worst = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    worst = std::max<double>(worst, std::abs(a.as<float>()[i] - b.as<float>()[i]));
  }
  return worst;
}

TEST(Weights, OfAConvolutionHaveAScaleForEachOutputChannel) {
  const Array w = normal_array({4, 2, 3, 3}, 1);
  const Tensor y = conv(Tensor::from(normal_array({1, 2, 5, 5}, 2)), Tensor::from(w));
  const QuantizedWeights q = quantize_weights(w, weight_view(layer_of(y)), {});
  EXPECT_EQ(q.q.dtype, DType::i8);
  EXPECT_EQ(to_string(q.scale.shape), "[4, 1, 1, 1]");
  const Array back = value(q.dequantized());
  double largest = 0;
  for (int c = 0; c < 4; ++c) {
    double most = 0;
    for (int k = 0; k < 18; ++k) most = std::max<double>(most, std::abs(w.as<float>()[18 * c + k]));
    EXPECT_FLOAT_EQ(q.scale.as<float>()[c], static_cast<float>(most / 127));
    largest = std::max(largest, most);
  }
  EXPECT_LE(worst_error(w, back), largest / 127 / 2 * 1.0001);
}

// The op computes the same integers.
TEST(Weights, AreWhatQuantizeGives) {
  const Array w = normal_array({6, 8}, 3);
  const Tensor x = Tensor::from(normal_array({2, 6}, 4));
  const QuantizedWeights q =
      quantize_weights(w, weight_view(layer_of(matmul(x, Tensor::from(w)))), {});
  EXPECT_EQ(to_string(q.scale.shape), "[8]");
  const Array same = value(quantize(Tensor::from(w), Tensor::from(q.scale), {}));
  EXPECT_EQ(q.q.to_vector<int>(), same.to_vector<int>());
}

TEST(Weights, InBlocksLieAlongTheInnerAxis) {
  const Array w = normal_array({3, 10}, 5), turned = normal_array({10, 3}, 5);
  const Tensor x = Tensor::from(normal_array({2, 10}, 6));
  const WeightOptions options{.dtype = DType::u4, .block = 4, .zero_points = true};
  const auto rows =
      quantize_weights(w, weight_view(layer_of(matmul(x, Tensor::from(w), false, true))), options);
  EXPECT_EQ(to_string(rows.scale.shape), "[3, 3]");
  EXPECT_EQ(rows.axis, 1);
  EXPECT_LT(worst_error(w, value(rows.dequantized())), 0.25);
  const auto columns =
      quantize_weights(turned, weight_view(layer_of(matmul(x, Tensor::from(turned)))), options);
  EXPECT_EQ(to_string(columns.zero.shape), "[3, 3]");
  EXPECT_EQ(columns.axis, 0);
  EXPECT_LT(worst_error(turned, value(columns.dequantized())), 0.25);
}

TEST(Weights, WithLeastErrorClip) {
  std::vector<float> values(100, 0.0f);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 10) / 10;
  values[3] = 2;  // the outlier would make the steps 0.29
  const WeightOptions plain{.dtype = DType::i4}, best{.dtype = DType::i4, .least_error = true};
  const auto error = [&](const BlockParams& p) {
    double sum = 0;
    for (const float v : values) sum += std::pow(to_integer(v, p, DType::i4) * p.scale - v, 2);
    return sum;
  };
  EXPECT_FLOAT_EQ(block_params(values, plain).scale, 2.0f / 7);
  EXPECT_LT(error(block_params(values, best)), error(block_params(values, plain)));
}

TEST(Weights, OfZerosStayZeros) {
  const Array w = Array::of(std::span<const float>(std::vector<float>(6, 0.0f)), {2, 3});
  const Tensor x = Tensor::from(normal_array({1, 3}, 1));
  for (const bool zero : {false, true}) {
    const WeightOptions options{.dtype = zero ? DType::u8 : DType::i8, .zero_points = zero};
    const auto q = quantize_weights(
        w, weight_view(layer_of(matmul(x, Tensor::from(w), false, true))), options);
    EXPECT_EQ(value(q.dequantized()).to_vector<float>(), std::vector<float>(6, 0.0f));
  }
}

TEST(Weights, RefuseBlocksBelowZero) {
  EXPECT_ERROR(make_quantized({}, {.block = -1}), kInvalidArgument,
               "quantize: blocks of -1 weights, expected 0 or more");
}

}  // namespace
}  // namespace suan::compress
