// Which values of a graph become integers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/plan.h"

#include <gtest/gtest.h>

#include "suan/ops/concat.h"
#include "suan/ops/pool.h"
#include "suan/ops/shape_ops.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

bool reads(const QuantizationPlan& plan, const Tensor& by, size_t input) {
  return plan.reads.contains({&by.node(), input});
}

TEST(QuantizationPlan, ResidualBlocksReadIntegersOnBothSides) {
  Tensor stem, first, sum, second;
  const Graph graph = graph_of({1, 3, 8, 8}, [&](const Tensor& x) {
    stem = relu(conv_of(x, 4, 1));
    first = conv_of(stem, 4, 3);
    sum = first + stem;
    second = conv_of(relu(sum), 4, 5);
    return second;
  });
  const QuantizationPlan plan = plan_quantization(graph);
  EXPECT_EQ(plan.layers.size(), 3U);
  EXPECT_EQ(plan.groups.size(), 3U);  // x, stem, relu(sum)
  EXPECT_TRUE(reads(plan, sum, 1));
  EXPECT_FALSE(reads(plan, sum, 0));  // the convolution adds before it rounds
  EXPECT_EQ(plan.reads.at({&sum.node(), 1}), plan.reads.at({&first.node(), 0}));
  for (const ValueGroup& group : plan.groups) EXPECT_TRUE(group.by_convolution);
}

TEST(QuantizationPlan, OfTwoConvolutionsTheLaterOneAdds) {
  Tensor sum;
  const Graph graph = graph_of({1, 3, 8, 8}, [&](const Tensor& x) {
    const Tensor a = conv_of(x, 4, 1), b = conv_of(x, 4, 3);
    sum = a + b;
    return relu(sum);
  });
  const QuantizationPlan plan = plan_quantization(graph);
  EXPECT_TRUE(reads(plan, sum, 0));
  EXPECT_FALSE(reads(plan, sum, 1));
}

TEST(QuantizationPlan, SumsWithFloatsStayFloat) {
  Tensor sum;
  const Graph graph = graph_of({1, 3, 8, 8}, [&](const Tensor& x) {
    sum = conv_of(x, 3, 1) + exp(x);
    return sum;
  });
  EXPECT_FALSE(reads(plan_quantization(graph), sum, 1));
}

TEST(QuantizationPlan, WhatOnlyMovesSharesAScale) {
  Tensor a, b, pooled, joined;
  const Graph graph = graph_of({1, 3, 8, 8}, [&](const Tensor& x) {
    a = relu(conv_of(x, 4, 1));
    pooled = max_pool2d(a, 2);
    b = relu(conv_of(pooled, 4, 3));
    joined = concat({pooled, b}, 1);
    return conv_of(joined, 2, 5);
  });
  const QuantizationPlan plan = plan_quantization(graph);
  const size_t group = plan.reads.at({&joined.node(), 0});
  EXPECT_EQ(plan.reads.at({&joined.node(), 1}), group);
  EXPECT_EQ(plan.reads.at({&pooled.node(), 0}), group);
  ASSERT_EQ(plan.groups[group].sources.size(), 2U);
  EXPECT_TRUE(plan.groups[group].sources[0].same_as(a));
  EXPECT_TRUE(plan.groups[group].sources[1].same_as(b));
}

TEST(QuantizationPlan, SaysWhyALayerStays) {
  const Graph graph = graph_of({4, 4}, [&](const Tensor& x) {
    const Tensor scores = matmul(x, x, false, true);
    const Tensor y = linear_of(scores, 4, 1);
    return matmul(normal_constant({4, 4}, 7), linear_of(y, 4, 3));
  });
  const QuantizationPlan plan = plan_quantization(graph, {"matmul_3"});
  ASSERT_EQ(plan.layers.size(), 4U);
  EXPECT_EQ(plan.layers[0].reason, "both operands vary");
  EXPECT_EQ(plan.layers[1].reason, "");
  EXPECT_EQ(plan.layers[1].name, "matmul_2");
  EXPECT_EQ(plan.layers[1].macs, 64);
  EXPECT_EQ(plan.layers[2].reason, "left out on request");
  EXPECT_EQ(plan.layers[3].reason, "its weights are the left operand");
  EXPECT_EQ(plan.groups.size(), 1U);
  EXPECT_FALSE(plan.groups[0].by_convolution);
  EXPECT_ERROR(plan_quantization(graph, {"matmul_5"}), kInvalidArgument,
               "skip: there is no layer 'matmul_5', did you mean 'matmul_2'?");
}

}  // namespace
}  // namespace suan::compress
