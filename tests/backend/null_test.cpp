// The backend that computes nothing: every op and whole trainings, all zeros.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suan/backend/kernel.h"
#include "suan/ops/conv.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/top_k.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

struct UseBackend {
  explicit UseBackend(std::string_view name) { set_backend(name); }
  ~UseBackend() { set_backend("cpu"); }
};

TEST(NullBackend, HasAKernelForEveryOp) {
  for (const OpDef* op : all_ops()) {
    Node node;
    node.op = op;
    EXPECT_TRUE(takes(null_backend(), node)) << op->name;
  }
}

TEST(NullBackend, GivesZerosOfEveryTypeAndForEveryOutput) {
  const UseBackend null("null");
  const Tensor x = Tensor::of<float>({3, 1, 2}, {3});
  for (const float v : (relu(x) + 1.0).array().span<float>()) EXPECT_EQ(v, 0.0f);
  const Sorted s = sort(x);
  EXPECT_THAT(s.indices.array().span<int64_t>(), testing::Each(0));
  EXPECT_THAT(s.values.array().span<float>(), testing::Each(0.0f));
}

// No label is looked at, so none is out of range.
TEST(NullBackend, RunsATrainingStepAndItsPlan) {
  const UseBackend null("null");
  const StatePtr w = State::create("w", Array::of<float>(std::vector<float>(12, 1.0f), {3, 4}));
  auto step = compile([&](const Tensor& x, const Tensor& y) {
    const Tensor loss = cross_entropy(linear(x, w->read(), {}), y);
    w->assign(w->read() - 0.1 * grad(loss, std::vector<StatePtr>{w})[0]);
    return loss;
  });
  const Tensor x = Tensor::of<float>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 4});
  const Tensor y = Tensor::of<int64_t>({0, 7}, {2});
  EXPECT_EQ(step(x, y).item(), 0.0);
  EXPECT_THAT(w->array().span<float>(), testing::Each(0.0f));
  const ProgramSize size = measure_size(*step.program(x, y));
  EXPECT_GT(size.steps, 3);
  EXPECT_GT(size.flops, 0);
  EXPECT_GT(size.arena_bytes, 0u);
  for (const StepInfo& info : explain_steps(*step.program(x, y))) EXPECT_EQ(info.kernel, "null");
}

TEST(NullBackend, IsOneOfThreeNames) {
  EXPECT_ERROR(set_backend("cudo"), kInvalidArgument,
               "backend: there is no backend 'cudo', expected cpu, cuda, cuda:1, cuda-null, "
               "reference or null");
}

}  // namespace
}  // namespace suan
