// Schedules against PyTorch's values, their text form, and what they refuse.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/expect_error.h"

namespace suan::optim {
namespace {

TEST(Schedule, FollowsItsFormula) {
  EXPECT_EQ((Schedule{.lr = 0.3})(1000), 0.3);
  const Schedule step{.kind = ScheduleKind::step, .lr = 1, .gamma = 0.5, .step_size = 10};
  EXPECT_EQ(step(9), 1);
  EXPECT_EQ(step(10), 0.5);
  EXPECT_EQ(step(25), 0.25);
  const Schedule multi{
      .kind = ScheduleKind::multi_step, .lr = 1, .gamma = 0.1, .milestones = {3, 6}};
  EXPECT_EQ(multi(2), 1);
  EXPECT_DOUBLE_EQ(multi(3), 0.1);
  EXPECT_DOUBLE_EQ(multi(6), 0.01);
  EXPECT_DOUBLE_EQ((Schedule{.kind = ScheduleKind::exponential, .lr = 2, .gamma = 0.9})(3),
                   2 * 0.9 * 0.9 * 0.9);
  const Schedule cosine{.kind = ScheduleKind::cosine, .lr = 1, .total_steps = 100, .min_lr = 0.1};
  EXPECT_DOUBLE_EQ(cosine(0), 1);
  EXPECT_DOUBLE_EQ(cosine(50), 0.55);
  EXPECT_DOUBLE_EQ(cosine(100), 0.1);
  EXPECT_DOUBLE_EQ(cosine(500), 0.1);
  const Schedule linear{.kind = ScheduleKind::linear, .lr = 1, .total_steps = 10};
  EXPECT_DOUBLE_EQ(linear(4), 0.6);
}

TEST(Schedule, WarmUpRisesToTheRateAndThenStarts) {
  const Schedule s{.kind = ScheduleKind::cosine, .lr = 1, .warmup_steps = 4, .total_steps = 14};
  EXPECT_DOUBLE_EQ(s(0), 0.2);
  EXPECT_DOUBLE_EQ(s(3), 0.8);
  EXPECT_DOUBLE_EQ(s(4), 1);
  EXPECT_DOUBLE_EQ(s(9), 0.5);
  EXPECT_NEAR(s(14), 0, 1e-15);
}

TEST(Schedule, OneCycleIsPyTorchs) {
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10): peak after 2 of 9 steps.
  const Schedule s{.kind = ScheduleKind::one_cycle, .lr = 1, .total_steps = 10};
  EXPECT_NEAR(s(0), 0.04, 1e-15);
  EXPECT_DOUBLE_EQ(s(1), 0.52);
  EXPECT_DOUBLE_EQ(s(2), 1);
  EXPECT_NEAR(s(3), 4e-6 + (1 - 4e-6) * (1 + std::cos(M_PI / 7)) / 2, 1e-12);
  EXPECT_NEAR(s(9), 4e-6, 1e-12);
  EXPECT_NEAR(s(20), 4e-6, 1e-12);
}

TEST(Schedule, ReadsItsOwnText) {
  const Schedule s{.kind = ScheduleKind::multi_step, .lr = 0.1, .milestones = {3, 7}};
  EXPECT_EQ(parse_schedule(to_text(s)), s);
  EXPECT_ERROR(parse_schedule("kind=cosin"), kInvalidArgument, "schedule: cannot read 'kind'");
  EXPECT_ERROR(parse_schedule("kind=cosine"), kInvalidArgument,
               "schedule: total_steps is 0, expected more than the 0 of warm-up");
  EXPECT_ERROR((Schedule{.step_size = 0}.check()), kInvalidArgument,
               "schedule: step_size is 0, expected 1 or more");
}

TEST(Plateau, LowersTheRateAfterPatienceAndCoolsDown) {
  Plateau p{.lr = 1, .patience = 1, .cooldown = 1};
  EXPECT_EQ(p.update(5), 1);
  EXPECT_EQ(p.update(5), 1);
  EXPECT_DOUBLE_EQ(p.update(5), 0.1);
  Plateau resumed = parse_plateau(to_text(p));
  EXPECT_EQ(resumed, p);
  EXPECT_DOUBLE_EQ(resumed.update(5), 0.1);  // cooling
  EXPECT_DOUBLE_EQ(resumed.update(4), 0.1);
  EXPECT_DOUBLE_EQ(resumed.update(4), 0.1);
  EXPECT_DOUBLE_EQ(resumed.update(4), 0.01);
}

}  // namespace
}  // namespace suan::optim
