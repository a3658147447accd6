// Whose time is told as what: on a GPU whose launches take a microsecond each, and on the CPU.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "suan/backend/cuda/backend.h"
#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/tensor/compile.h"
#include "tests/program/timed_gpu.h"

namespace suan {
namespace {

using testing::ElementsAre;

class ProfileOfGpu : public testing::Test {
 protected:
  ProfileOfGpu() { set_backend(*backend_); }
  ~ProfileOfGpu() override { set_backend("cpu"); }

  TimedGpu gpu_;
  std::unique_ptr<Backend> backend_ = cuda::make_backend(gpu_);
};

Tensor zeros(Shape shape) { return Tensor::from(Array(DType::f32, shape)); }

TEST_F(ProfileOfGpu, TellsTheTimeOfEachStepAndOfTheRest) {
  auto f = compile([](const Tensor& x) { return sum(relu(x), {0}); });
  const Tensor x = zeros({4, 8});
  const Profile found = profile(f.context(x), [&] { f(x); }, 3);
  EXPECT_EQ(found.why_no_timeline, "");
  ASSERT_EQ(found.steps.size(), 2u);
  EXPECT_EQ(found.steps[0].what, "relu");
  EXPECT_DOUBLE_EQ(found.steps[0].seconds, 1e-6);
  EXPECT_DOUBLE_EQ(found.steps[1].seconds, 1e-6);
  EXPECT_DOUBLE_EQ(found.other_seconds, 2e-6);  // the input and the result
  std::vector<int> steps;
  for (const Activity& a : found.activities) steps.push_back(a.step);
  EXPECT_THAT(steps, ElementsAre(-1, 0, 1, -1));
  EXPECT_EQ(found.activities.front().name, "upload");
  EXPECT_DOUBLE_EQ(found.total_seconds(), 2e-6);
  gpu_.sent.clear();
  f(x);
  EXPECT_THAT(gpu_.sent, ElementsAre("upload", "copy")) << "what was recorded is played again";
}

TEST_F(ProfileOfGpu, StepsOfOneLaunchShareItsTimeByTheirBytes) {
  const StatePtr small = State::create("small", Array(DType::f32, {100}), true);
  const StatePtr large = State::create("large", Array(DType::f32, {300}), true);
  auto f = compile([&] {
    small->assign(exp(small->read()));
    large->assign(exp(large->read()));
  });
  const Profile found = profile(f.context(), [&] { f(); }, 2);
  ASSERT_EQ(found.steps.size(), 2u);
  ASSERT_EQ(found.activities.size(), 1u);
  EXPECT_DOUBLE_EQ(found.steps[0].seconds, 0.25e-6);
  EXPECT_DOUBLE_EQ(found.steps[1].seconds, 0.75e-6);
}

TEST_F(ProfileOfGpu, WithoutATimelineSaysWhyAndTimesStepsAlone) {
  gpu_.tells = false;
  auto f = compile([](const Tensor& x) { return relu(x); });
  const Tensor x = zeros({8});
  const Profile found = profile(f.context(x), [&] { f(x); }, 4);
  EXPECT_EQ(found.why_no_timeline, "cuda-null does not tell what it does");
  EXPECT_TRUE(found.activities.empty());
  ASSERT_EQ(found.steps.size(), 1u);
  EXPECT_DOUBLE_EQ(found.steps[0].seconds, 1e-6);
}

TEST(ProfileOfCpu, HasNoTimeline) {
  auto f = compile([](const Tensor& a, const Tensor& b) { return matmul(a, b); });
  const Tensor a = zeros({64, 64}), b = zeros({64, 64});
  RunContext& context = f.context(a, b);
  const Profile found = profile(context, [&] { f(a, b); }, 2);
  ASSERT_EQ(found.steps.size(), 1u);
  EXPECT_GT(found.steps[0].seconds, 0);
  EXPECT_EQ(found.why_no_timeline, "");
  EXPECT_TRUE(found.activities.empty());
  EXPECT_EQ(context.profile, nullptr);
}

TEST(Roofline, IsTheLongerOfArithmeticAndTraffic) {
  const Roofline roofline{.gflops = 100, .gbytes = 10};
  StepInfo step;
  step.flops = 1e11;
  step.seconds = 4;
  EXPECT_DOUBLE_EQ(percent_of_roofline(step, roofline), 25);
  step.bytes = 2e10;
  EXPECT_DOUBLE_EQ(percent_of_roofline(step, roofline), 50);
  step.seconds = 0;
  EXPECT_EQ(percent_of_roofline(step, roofline), 0);
  EXPECT_DOUBLE_EQ(giga_per_second(6e9, 2), 3);
  EXPECT_EQ(giga_per_second(6e9, 0), 0);
}

}  // namespace
}  // namespace suan
