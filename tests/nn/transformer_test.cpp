// Attention against the formula, lengths, and blocks that train.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/transformer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/random.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan::nn {
namespace {

Tensor random_input(const Shape& shape, uint64_t seed = 11) {
  Array a(DType::f32, shape);
  Random random(seed);
  for (float& v : a.span<float>()) v = random.normal();
  return Tensor::from(a);
}

TEST(Attention, IsTheWeightedMeanOfValues) {
  constexpr int kTime = 3, kHeads = 2, kSize = 2, kWidth = kHeads * kSize;
  const Tensor q = random_input({1, kTime, kWidth}, 1), k = random_input({1, kTime, kWidth}, 2),
               v = random_input({1, kTime, kWidth}, 3);
  for (const bool causal : {false, true}) {
    const Array y = multihead(q, k, v, kHeads, causal).array();
    const auto at = [](const Tensor& x, int t, int i) {
      return double{x.array().as<float>()[t * kWidth + i]};
    };
    for (int h = 0; h < kHeads; ++h) {
      for (int t = 0; t < kTime; ++t) {
        double total = 0, sums[kSize] = {};
        for (int s = 0; s < (causal ? t + 1 : kTime); ++s) {
          double score = 0;
          for (int i = 0; i < kSize; ++i)
            score += at(q, t, h * kSize + i) * at(k, s, h * kSize + i);
          const double weight = std::exp(score / std::sqrt(2.0));
          total += weight;
          for (int i = 0; i < kSize; ++i) sums[i] += weight * at(v, s, h * kSize + i);
        }
        for (int i = 0; i < kSize; ++i) {
          EXPECT_NEAR(y.as<float>()[t * kWidth + h * kSize + i], sums[i] / total, 1e-5);
        }
      }
    }
  }
}

TEST(Attention, KeysPastTheLengthDoNotCount) {
  MultiheadAttention attention(4, 2);
  const Tensor x = random_input({1, 5, 4});
  const Tensor all = attention(x, {.lengths = Tensor::of<int64_t>({3}, {1})});
  const Tensor alone = attention(narrow(x, 1, 0, 3));
  EXPECT_LT(max(abs(narrow(all, 1, 0, 3) - alone)).item(), 1e-5);
}

TEST(Attention, DropoutThatDropsNearlyNothingChangesNothing) {
  const Tensor q = random_input({2, 3, 4}, 1), k = random_input({2, 5, 4}, 2);
  const Dropout rare(1e-9);
  for (const bool causal : {false, true}) {
    for (const Tensor& lengths : {Tensor(), Tensor::of<int64_t>({3, 5}, {2})}) {
      const Tensor a = multihead(q, k, k, 2, causal, {lengths});
      EXPECT_LT(max(abs(a - multihead(q, k, k, 2, causal, {lengths}, &rare))).item(), 1e-5);
    }
  }
}

TEST(Attention, SelfAndCrossAgree) {
  MultiheadAttention attention(6, 3);
  const Tensor x = random_input({2, 4, 6});
  EXPECT_LT(max(abs(attention(x) - attention(x, x, x))).item(), 1e-5);
  EXPECT_EQ(attention(random_input({2, 1, 6}), x, x).shape(), (Shape{2, 1, 6}));
}

TEST(Transformer, HasPyTorchsNames) {
  TransformerEncoder encoder(2, 8, 2, {.hidden = 16, .norm_first = false, .dropout = 0});
  std::vector<std::string> names;
  for (const auto& s : encoder.named_states()) names.push_back(s.name);
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.begin() + 12),
            (std::vector<std::string>{
                "layers.0.self_attn.in_proj_weight", "layers.0.self_attn.in_proj_bias",
                "layers.0.self_attn.out_proj.weight", "layers.0.self_attn.out_proj.bias",
                "layers.0.linear1.weight", "layers.0.linear1.bias", "layers.0.linear2.weight",
                "layers.0.linear2.bias", "layers.0.norm1.weight", "layers.0.norm1.bias",
                "layers.0.norm2.weight", "layers.0.norm2.bias"}));
  EXPECT_EQ(names.size(), 24u);
}

TEST(Transformer, BothNormOrdersGiveGradientsEverywhere) {
  for (const bool norm_first : {false, true}) {
    TransformerEncoder encoder(
        1, 8, 2, {.causal = true, .norm_first = norm_first, .dropout = 0, .activation = "relu"});
    const Tensor y = encoder(random_input({2, 3, 8}));
    EXPECT_EQ(y.shape(), (Shape{2, 3, 8}));
    const Tensor loss = sum(y * random_input({2, 3, 8}, 5));
    for (const Tensor& g : grad(loss, encoder.parameters())) EXPECT_GT(sum(abs(g)).item(), 0);
  }
}

TEST(Transformer, RefusesWhatDoesNotFit) {
  EXPECT_ERROR(MultiheadAttention(6, 4), kInvalidArgument,
               "MultiheadAttention: 4 heads do not divide a width of 6");
  MultiheadAttention attention(6, 3);
  EXPECT_ERROR(attention(zeros({2, 6})), kInvalidArgument,
               "MultiheadAttention: got shape [2, 6], expected [rows, time, 6]");
  EXPECT_ERROR(TransformerEncoder(0, 6, 3), kInvalidArgument,
               "TransformerEncoder: got 0 layers, expected 1 or more");
}

}  // namespace
}  // namespace suan::nn
