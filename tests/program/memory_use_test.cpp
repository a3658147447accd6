// Memory over the steps of a plan.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/memory_use.h"

#include <gtest/gtest.h>

#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/softmax.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

TEST(MemoryUse, CountsWhatEachStepNeeds) {
  const Storage arena{.place = Place::arena, .bytes = 100};
  Plan plan;
  plan.steps.resize(3);
  plan.steps[1].scratch_bytes = 7;
  Storage a = arena, b = arena, host = arena;
  a.first = 0, a.last = 1;
  b.first = 1, b.last = 2, b.bytes = 30;
  host.first = 0, host.last = 2;
  for (Storage* s : {&a, &b}) s->on_device = true;
  const Storage constant{.place = Place::constant, .bytes = 1000, .index = 0, .on_device = true};
  const Storage input{.place = Place::input, .bytes = 5, .on_device = true};
  const Storage result{.place = Place::fresh, .bytes = 6, .on_device = true};
  plan.storages = {a, b, host, constant, constant, input, result};
  for (PlannedStep& step : plan.steps) step.on_device = true;
  plan.arena_bytes = 140;
  const MemoryUse use = memory_use(plan, true);
  EXPECT_EQ(use.by_step, (std::vector<size_t>{100, 137, 30}));
  EXPECT_EQ(use.kept, 1000u);  // both storages are one constant
  EXPECT_EQ(use.arguments, 11u);
  EXPECT_EQ(use.peak(), 1148u);
  EXPECT_EQ(use.allocated(), 1151u);
}

TEST(MemoryUse, OfAProgramFitsIntoItsArena) {
  const StatePtr w = State::create("w", Array(DType::f32, {64}), true);
  auto f = compile([&](const Tensor& x) { return sum(softmax(x * w->read(), 1), {1}); });
  const Tensor x = Tensor::from(Array(DType::f32, {16, 64}));
  const Plan& plan = f.program(x)->plan();
  const MemoryUse use = memory_use(plan, false);
  EXPECT_EQ(use.kept, 256u);
  EXPECT_EQ(use.arguments, 16 * 64 * 4 + 16 * 4u);
  ASSERT_EQ(use.by_step.size(), plan.steps.size());
  EXPECT_GE(use.by_step[0], size_t{16 * 64 * 4});
  EXPECT_LE(use.peak(), use.allocated());
}

}  // namespace
}  // namespace suan
