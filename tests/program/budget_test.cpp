// Training within a memory budget: less memory, a little more arithmetic, the same bits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "suan/autodiff/checkpoint.h"
#include "suan/base/random.h"
#include "suan/models/gpt.h"
#include "suan/models/resnet.h"
#include "suan/nn/init.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/softmax.h"
#include "suan/optim/optim.h"
#include "suan/program/explain.h"
#include "suan/tensor/compile.h"
#include "tests/reproducible.h"

namespace suan {
namespace {

struct Trained {
  std::vector<double> losses;  // of three steps
  ProgramSize size;
  std::string explained;
};

// Steps of a model on one batch; the model is made anew from the same seed.
template <class Model, class Options>
Trained train(const Options& model_options, const Array& x, const Array& y, size_t budget) {
  nn::seed(3);
  Model model(model_options);
  optim::AdamW adamw(model.parameters(), {.lr = 1e-2});
  auto step = compile(
      [&](const Tensor& images, const Tensor& labels) {
        Tensor loss = cross_entropy(model(images), labels);
        adamw.step(grad(loss, adamw.parameters()));
        return loss;
      },
      {.memory_budget = budget});
  Trained out;
  for (int i = 0; i < 3; ++i) out.losses.push_back(step(x, y).item());
  const auto program = step.program(x, y);
  out.size = measure_size(*program);
  out.explained = explain(*program, false);
  return out;
}

template <class Model, class Options>
void expect_fits(const Options& options, const Array& x, const Array& y) {
  const Reproducible kernels;  // scratch memory depends on the kernels
  const Trained free = train<Model>(options, x, y, 0);
  EXPECT_EQ(free.size.recomputed, 0);
  const size_t budget = free.size.arena_bytes * 6 / 10;
  const Trained tight = train<Model>(options, x, y, budget);
  EXPECT_EQ(tight.losses, free.losses);
  EXPECT_LE(tight.size.arena_bytes, budget);
  EXPECT_GT(tight.size.recomputed, 0);
  EXPECT_DOUBLE_EQ(tight.size.flops, free.size.flops + tight.size.recomputed_flops);
  EXPECT_LT(tight.size.flops, 1.4 * free.size.flops);
  EXPECT_THAT(tight.explained, testing::HasSubstr("nodes are computed again"));
}

Array images(int64_t n) {
  Random random(5);
  Array x(DType::f32, {n, 3, 32, 32});
  for (float& v : x.span<float>()) v = static_cast<float>(random.uniform());
  return x;
}
Array numbers_below(int64_t bound, const Shape& shape) {
  Array y(DType::i64, shape);
  int64_t i = 0;
  for (int64_t& v : y.span<int64_t>()) v = (i++ * 7 + 3) % bound;
  return y;
}

TEST(MemoryBudget, ResnetKeepsItsBitsInSixTenthsOfTheMemory) {
  expect_fits<models::CifarResnet>(models::CifarResnetOptions{}, images(8), numbers_below(10, {8}));
}

TEST(MemoryBudget, GptWithDropoutKeepsItsBitsInSixTenthsOfTheMemory) {
  expect_fits<models::Gpt>(
      models::GptOptions{.vocabulary = 30, .context = 32, .layers = 4, .width = 64, .dropout = 0.1},
      numbers_below(30, {16, 32}), numbers_below(29, {16, 32}));
}

TEST(MemoryBudget, SaysWhereItIsTooSmallAndRunsAllTheSame) {
  const models::GptOptions options{.vocabulary = 30, .context = 8, .layers = 2, .width = 32};
  const Array x = numbers_below(30, {4, 8}), y = numbers_below(29, {4, 8});
  const Trained free = train<models::Gpt>(options, x, y, 0);
  testing::internal::CaptureStderr();
  const Trained tight = train<models::Gpt>(options, x, y, 1000);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, testing::HasSubstr("memory budget of 0.0 MB not reached: the program takes"));
  EXPECT_EQ(tight.losses, free.losses);
  EXPECT_LE(tight.size.arena_bytes, free.size.arena_bytes);
}

// Blocks of two values, checkpointed, so that the gradient goes through views of several values.
Array checkpointed_gradient(size_t budget, size_t* taken) {
  const auto block = [](const std::vector<Tensor>& x) {
    const Tensor a = softmax(x[0] * x[1]), b = softmax(x[0] + a);
    return std::vector<Tensor>{softmax(a * b) + x[0], softmax(b) * x[1]};
  };
  auto step = compile(
      [&](const Tensor& x) {
        std::vector<Tensor> v{x, x * 0.5};
        for (int i = 0; i < 8; ++i) v = checkpointed(block, v);
        return grad(sum(square(softmax(v[0] * v[1]))), std::vector<Tensor>{x});
      },
      {.memory_budget = budget});
  std::vector<float> values(64 * 64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 37) * 0.1f;
  const Tensor x = Tensor::from(Array::of<float>(values, {64, 64}));
  const std::vector<Tensor> got = step(x);
  *taken = step.program(x)->plan().arena_bytes;
  return got[0].array();
}

TEST(Budget, GoesWithCheckpointsOfSeveralValues) {
  size_t whole = 0, part = 0;
  const Array want = checkpointed_gradient(0, &whole);
  for (const double share : {0.9, 0.75, 0.6}) {
    const auto budget = static_cast<size_t>(share * static_cast<double>(whole));
    const Array got = checkpointed_gradient(budget, &part);
    EXPECT_LT(part, whole);
    EXPECT_EQ(std::memcmp(got.buffer->data(), want.buffer->data(), want.bytes()), 0) << share;
  }
}

}  // namespace
}  // namespace suan
