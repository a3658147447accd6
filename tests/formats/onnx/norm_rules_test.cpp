// Normalizations, losses and attention beyond what the official suite covers.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

const Tensor kImage = floats({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});

TEST(OnnxSoftmax, FlattensUpToOpset12) {
  const Tensor x = floats({0, 0, 0, 0}, {1, 2, 2});
  expect_near(node_of("Softmax", 11).in(x).run()[0], {0.25, 0.25, 0.25, 0.25});
  expect_near(node_of("Softmax", 13).in(x).run()[0], {0.5, 0.5, 0.5, 0.5});
  EXPECT_EQ(node_of("Softmax", 13).in(tensor_of<int32_t>({1}, {1})).error(),
            "Softmax: got i32[1], expected a float");
}

OneNode batch_norm(int64_t opset, const Tensor& mean, const Tensor& variance) {
  OneNode node = node_of("BatchNormalization", opset);
  const std::vector<float> one(static_cast<size_t>(mean.shape().numel()), 1.0F);
  return node.in(kImage)
      .in(floats(one, mean.shape()))
      .in(mean)
      .in(mean)
      .in(variance)
      .with("epsilon", 0.0);
}

TEST(OnnxBatchNormalization, NormalizesWithGivenStatistics) {
  const Tensor mean = floats({1, 2}, {2}), variance = floats({4, 1}, {2});
  // The shift is the mean here: (x - m) / deviation + m.
  expect_near(batch_norm(15, mean, variance).run()[0], {1, 1.5, 3, 4, 3, 3.5, 7, 8});
  const Tensor means = floats({1, 2, 3, 4}, {2, 2}), ones = floats({1, 1, 1, 1}, {2, 2});
  expect_near(batch_norm(7, means, ones).with("spatial", 0).run()[0], {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(batch_norm(15, means, ones).error(),
            "BatchNormalization: a parameter is [2, 2], expected [2]");
}

TEST(OnnxBatchNormalization, UpdatesStatisticsInTraining) {
  const Tensor mean = floats({1, 2}, {2}), variance = floats({4, 1}, {2});
  OneNode node = node_of("BatchNormalization", 15);
  node.in(kImage).in(variance).in(mean).in(mean).in(variance);
  const auto y = node.with("training_mode", 1).with("momentum", 0.5F).give(3).run();
  expect_near(y[1], {2.25, 3.75});  // the means of the channels are 3.5 and 5.5
  expect_near(y[2], {4.125, 2.625});
}

TEST(OnnxDropout, KeepsAllOutsideTraining) {
  const auto y = node_of("Dropout", 13).in(kImage).in(floats({0.9F}, {})).give(2).run();
  expect_near(y[0], OneNode::numbers(kImage));
  EXPECT_EQ(values_of<bool>(y[1]), std::vector<bool>(8, true));
  EXPECT_EQ(node_of("Dropout", 7).in(kImage).give(2).run()[1].dtype(), DType::f32);
}

TEST(OnnxLpNormalization, LeavesZerosAndKnowsTwoNorms) {
  const Tensor x = floats({3, 4, 0, 0}, {2, 2});
  expect_near(node_of("LpNormalization", 1).in(x).run()[0], {0.6F, 0.8F, 0, 0});
  expect_near(node_of("LpNormalization", 1).in(x).with("p", 1).run()[0],
              {3.0F / 7, 4.0F / 7, 0, 0});
  EXPECT_EQ(node_of("LpNormalization", 1).in(x).with("p", 3).error(),
            "LpNormalization: p is 3, expected 1 or 2");
}

TEST(OnnxLosses, IgnoreWhatIsOutsideAndRefuseOtherClasses) {
  const Tensor x = floats({-1, -2, -3, -4}, {2, 2}), classes = tensor_of<int64_t>({1, 77}, {2});
  expect_near(
      node_of("NegativeLogLikelihoodLoss").in(x).in(classes).with("ignore_index", 77).run()[0],
      {2});
  EXPECT_EQ(node_of("NegativeLogLikelihoodLoss").in(x).in(classes).error(),
            "take_along_axis: index 77 at position 1 is outside [-2, 2)");
  EXPECT_EQ(node_of("NegativeLogLikelihoodLoss").in(x).in(x).error(),
            "NegativeLogLikelihoodLoss: the target is f32[2, 2], expected integers [2]");
}

TEST(OnnxAttention, GivesZerosWhereNothingIsSeen) {
  const Tensor q = floats({1, 1}, {1, 1, 2, 1}), v = floats({5, 7}, {1, 1, 2, 1});
  const Tensor mask = cast(floats({1, 1, 0, 0}, {2, 2}), DType::boolean);
  expect_near(node_of("Attention", 23).in(q).in(q).in(v).in(mask).run()[0], {6, 0});
  // The same written out, since the weights are asked for.
  const auto all = node_of("Attention", 23)
                       .in(q)
                       .in(q)
                       .in(v)
                       .in(mask)
                       .with("qk_matmul_output_mode", 3)
                       .give(4)
                       .run();
  expect_near(all[0], {6, 0});
  expect_near(all[3], {0.5, 0.5, 0, 0});
}

TEST(OnnxAttention, CountsPositionsFromTheCache) {
  // One query after two keys of a cache: with its own it sees three; its window lets it see two.
  const Tensor one = floats({1}, {1, 1, 1, 1}), past = floats({1, 1}, {1, 1, 2, 1});
  const Tensor values = floats({3, 6}, {1, 1, 2, 1});
  const auto node = [&] {
    return node_of("Attention", 25)
        .in(one)
        .in(one)
        .in(one)
        .absent()
        .in(past)
        .in(values)
        .with("is_causal", 1);
  };
  expect_near(node().run()[0], {10.0F / 3});
  expect_near(node().with("left_window_size", 1).run()[0], {3.5});
}

TEST(OnnxAttention, RefusesHeadsThatDoNotFit) {
  const Tensor q = floats({1, 2, 3}, {1, 1, 3});
  EXPECT_EQ(node_of("Attention", 23)
                .in(q)
                .in(q)
                .in(q)
                .with("q_num_heads", 2)
                .with("kv_num_heads", 1)
                .error(),
            "Attention: Q is [1, 1, 3], expected [b, t, c] with c a multiple of 2 heads");
  EXPECT_EQ(node_of("Attention", 23).in(q).in(q).in(q).with("kv_num_heads", 1).error(),
            "Attention: attribute 'q_num_heads' is missing");
}

}  // namespace
}  // namespace suan::onnx
