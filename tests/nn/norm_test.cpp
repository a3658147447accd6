// Normalisation layers: statistics, running averages, the two modes, names.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/random.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan::nn {
namespace {

Tensor random_input(const Shape& shape) {
  Array a(DType::f32, shape);
  Random random(11);
  for (float& v : a.span<float>()) v = 3 + 2 * random.normal();
  return Tensor::from(a);
}

TEST(BatchNorm, MovesTheRunningStatisticsAsPyTorch) {
  BatchNorm2d norm(2);
  const Tensor x = Tensor::of<float>({1, 2, 3, 4, 10, 20, 30, 40}, {2, 2, 2, 1});
  auto run = compile([&](const Tensor& t) { return norm(t); });
  const Array y = run(x).array();
  // Channel 0 holds 1, 2, 10, 20: mean 8.25, unbiased variance 77.583.
  EXPECT_NEAR(norm.running_mean->array().as<float>()[0], 0.825, 1e-5);
  EXPECT_NEAR(norm.running_var->array().as<float>()[0], 0.9 + 7.7583333, 1e-4);
  EXPECT_EQ(*norm.num_batches_tracked->array().as<int64_t>(), 1);
  EXPECT_NEAR(y.as<float>()[0], (1 - 8.25) / std::sqrt(58.1875 + 1e-5), 1e-5);
  norm.eval();
  const Array z = run(x).array();
  EXPECT_NEAR(z.as<float>()[0], (1 - 0.825) / std::sqrt(8.6583333 + 1e-5), 1e-5);
  EXPECT_EQ(*norm.num_batches_tracked->array().as<int64_t>(), 1);
  EXPECT_EQ(run.compile_count(), 2);
}

TEST(BatchNorm, RunsWhereOnlyItsStatisticsOrOnlyItsResultIsRead) {
  BatchNorm2d norm(16);
  const Tensor x = random_input({2, 16, 4, 4});
  auto calibrate = compile([&](const Tensor& t) { (void)norm(t); });
  calibrate(x);
  EXPECT_NEAR(mean(norm.running_mean->read()).item(), 0.1 * mean(x).item(), 1e-5);
  EXPECT_LT(std::abs(mean(norm(x)).item()), 1e-5);
}

TEST(BatchNorm, TakesRowsAndRefusesOtherChannels) {
  BatchNorm1d norm(3, {.affine = false});
  EXPECT_EQ(norm.parameters().size(), 0u);
  EXPECT_LT(std::abs(mean(norm(random_input({8, 3}))).item()), 1e-5);
  EXPECT_ERROR(norm(zeros({2, 4})), kInvalidArgument,
               "BatchNorm: got shape [2, 4], expected 3 channels on axis 1");
  EXPECT_ERROR(BatchNorm(0), kInvalidArgument, "BatchNorm: got 0 channels, expected 1 or more");
}

TEST(LayerNorm, NormalisesTheLastAxes) {
  const Tensor x = random_input({4, 3, 5});
  LayerNorm one(5), two(Shape{3, 5});
  EXPECT_LT(max(abs(mean(one(x), {2}))).item(), 1e-5);
  EXPECT_NEAR(mean(square(two(x)), {1, 2}).array().as<float>()[2], 1, 1e-4);
  EXPECT_GT(max(abs(mean(two(x), {2}))).item(), 0.01);
  EXPECT_EQ(LayerNorm(5, {.bias = false}).named_states().size(), 1u);
  EXPECT_ERROR(two(zeros({3, 4})), kInvalidArgument,
               "LayerNorm: got shape [3, 4], expected it to end in [3, 5]");
}

TEST(RmsNorm, KeepsTheMean) {
  const Tensor y = RmsNorm(5)(random_input({4, 5}));
  EXPECT_NEAR(mean(square(y), {1}).array().as<float>()[1], 1, 1e-4);
  EXPECT_GT(mean(y).item(), 0.3);
  EXPECT_ERROR(RmsNorm(5)(zeros({5, 4})), kInvalidArgument,
               "RmsNorm: got shape [5, 4], expected it to end in [5]");
}

TEST(GroupNorm, NormalisesEachGroup) {
  const Tensor y = GroupNorm(2, 4)(random_input({2, 4, 3, 3}));
  const Array means = mean(y, {2, 3}).array();
  EXPECT_NEAR(means.as<float>()[0] + means.as<float>()[1], 0, 1e-5);
  EXPECT_GT(std::abs(means.as<float>()[0]), 1e-3);
  EXPECT_ERROR(GroupNorm(3, 4), kInvalidArgument, "GroupNorm: 3 groups do not divide 4 channels");
}

}  // namespace
}  // namespace suan::nn
