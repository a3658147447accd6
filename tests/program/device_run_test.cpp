// Programs on a device: what goes there and back, what is recorded, and who may hold what. The
// device is the emulated GPU. SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "suan/backend/cuda/gpu_peak.h"
#include "suan/base/random.h"
#include "suan/graph/graph.h"
#include "suan/ops/batch_norm.h"
#include "suan/ops/conv.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"
#include "suan/optim/adam.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "suan/train/trainer.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/expect_error.h"
#include "tests/temp_cache.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

class OnDevice : public testing::Test {
 protected:
  void SetUp() override {
    set_backend(emulate::emulated_backend());
    emulate::emulated_gpu().launched.clear();
  }
  void TearDown() override { set_backend("cpu"); }
  static size_t launched() { return emulate::emulated_gpu().launched.size(); }
};

Array randoms(Shape shape, uint64_t seed, float scale = 1) {
  Array a(DType::f32, shape);
  Random random(seed);
  for (float& v : a.span<float>()) v = scale * random.normal();
  return a;
}
StatePtr number(const char* name, float value) {
  return State::create(name, Array::of<float>(std::vector<float>{value}, {}));
}

// Twenty steps of a small classifier; the losses.
std::vector<double> train() {
  const StatePtr w = State::create("w", randoms({3, 8}, 1, 0.4f), true);
  const StatePtr b = State::create("b", randoms({3}, 2, 0.1f), true);
  optim::AdamW adam({w, b}, {.lr = 0.1f});
  auto step = compile([&](const Tensor& x, const Tensor& y) {
    const Tensor loss = cross_entropy(linear(x, w->read(), b->read()), y);
    adam.step(grad(loss, {w, b}));
    return loss;
  });
  const Tensor x = Tensor::from(randoms({24, 8}, 7));
  Array labels(DType::i64, {24});
  for (int64_t i = 0; i < 24; ++i) labels.as<int64_t>()[i] = i % 3;
  std::vector<double> losses;
  for (int i = 0; i < 20; ++i) losses.push_back(step(x, Tensor::from(labels)).item());
  EXPECT_EQ(step.compile_count(), 1);
  return losses;
}

TEST_F(OnDevice, TrainingGivesTheLossesOfTheCpu) {
  const std::vector<double> got = train();
  set_backend("cpu");
  const std::vector<double> want = train();
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5 * want[i]) << i;
  EXPECT_LT(got.back(), got.front());
}

TEST_F(OnDevice, ItsRatesAreMeasuredByKernelsThatThereAre) {
  const TempCache cache;
  const cuda::GpuPeak peak =
      cuda::measure_gpu(emulate::emulated_gpu(), {.size = 8, .copy_bytes = 4096});
  EXPECT_GT(peak.f32_gflops, 0);
  EXPECT_GT(peak.tf32_gflops, 0);
  EXPECT_GT(peak.bf16_gflops, 0);
  EXPECT_GT(peak.f16_gflops, 0);
  EXPECT_GT(peak.copy_gbytes, 0);
}

TEST_F(OnDevice, ARunIsRecordedOnceAndThenPlayed) {
  auto f = compile([](const Tensor& x) { return relu(x) * 2.0; });
  const Tensor x = Tensor::of<float>({-1, 2, 3, 4}, {4});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(f(x).array().as<float>()[3], 8.0f);
  EXPECT_EQ(launched(), 2u);  // by the first run, and while the second was recorded
}

TEST_F(OnDevice, AStateIsUpdatedInPlaceAndItsSettingsMayChange) {
  const StatePtr total = number("total", 1), rate = number("rate", 10);
  auto add_rate = compile([&] { total->assign(total->read() + rate->read()); });
  for (int i = 0; i < 3; ++i) {
    rate->load(Array::of<float>(std::vector<float>{static_cast<float>(i)}, {}));
    add_rate();
  }
  EXPECT_EQ(launched(), 2u);
  EXPECT_EQ(total->array().as<float>()[0], 4.0f);
}

TEST_F(OnDevice, WhoHoldsTheOldValueOfAStateKeepsIt) {
  const StatePtr total = number("total", 1);
  auto add_one = compile([&] { total->assign(total->read() + 1.0); });
  add_one();
  const Tensor held = total->read();
  add_one();
  add_one();
  EXPECT_EQ(held.item(), 2.0);
  EXPECT_EQ(total->array().as<float>()[0], 4.0f);
}

TEST_F(OnDevice, WhoHoldsAResultKeepsIt) {
  auto twice = compile([](const Tensor& x) { return x + x; });
  const Tensor first = twice(Tensor::of<float>({1, 2}, {2}));
  const Tensor second = twice(Tensor::of<float>({3, 4}, {2}));
  EXPECT_EQ(first.array().as<float>()[1], 4.0f);
  EXPECT_EQ(second.array().as<float>()[1], 8.0f);
}

TEST_F(OnDevice, ResultsStayThereUntilTheyAreRead) {
  auto twice = compile([](const Tensor& x) { return x + x; });
  const Tensor y = twice(Tensor::of<float>({1, 2}, {2}));
  EXPECT_TRUE((*y.node().value(0))->device_block());
  EXPECT_EQ(twice(y).array().as<float>()[1], 8.0f);
}

TEST_F(OnDevice, LazyValuesAreComputedThere) {
  const Tensor x = Tensor::of<float>({1, 2, 3}, {3});
  EXPECT_EQ((x * x + 1.0).array().as<float>()[2], 10.0f);
  EXPECT_EQ(launched(), 1u);
}

TEST_F(OnDevice, UpdatesOfAllStatesAreOneLaunch) {
  std::vector<StatePtr> states;
  for (int i = 0; i < 40; ++i) {
    states.push_back(State::create("s", randoms({4 * (i % 7 + 1), 2}, static_cast<uint64_t>(i))));
  }
  const StatePtr rate = number("rate", 0.5F);
  auto update = compile([&] {
    for (const StatePtr& s : states) s->assign(s->read() - rate->read() * tanh(s->read()));
  });
  std::vector<Array> before;
  for (const StatePtr& s : states) before.push_back(s->array());
  update();
  EXPECT_EQ(launched(), 1u);
  for (size_t i = 0; i < states.size(); ++i) {
    const Array after = states[i]->array();
    for (int64_t k = 0; k < after.numel(); ++k) {
      const float x = before[i].as<float>()[k];
      EXPECT_NEAR(after.as<float>()[k], x - 0.5F * std::tanh(x), 1e-6) << i;
    }
  }
}

// What no kernel of the device takes runs on the host, and the plan says so.
TEST_F(OnDevice, AProgramMayGoThroughTheHost) {
  auto f = compile([](const Tensor& x) {
    const Tensor text = cast(x * 2.0, DType::f8e4m3fnuz);  // no kernel there takes these
    return cast(text, DType::f32) + 1.0;
  });
  const Tensor x = Tensor::of<float>({1, 2, 3, 4}, {4});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(f(x).array().as<float>()[3], 9.0f);
  int copies = 0, on_host = 0;
  for (const PlannedStep& step : f.program(x)->plan().steps) {
    copies += step.kernel == nullptr;
    on_host += step.kernel && !step.on_device;
  }
  EXPECT_EQ(copies, 2) << explain(*f.program(x), true);
  EXPECT_EQ(on_host, 2);
}

Tensor bad_gather(const Tensor& table, const Tensor& index) { return gather(table, index, 0); }
Tensor indices(std::initializer_list<int64_t> values) {
  return Tensor::of<int64_t>(values, {static_cast<int64_t>(values.size())});
}

// What one program finds wrong with its data is thrown to whoever reads what came of it.
TEST_F(OnDevice, AFaultIsThrownToWhoReadsWhatItSpoilt) {
  auto pick = compile(bad_gather);
  auto twice = compile([](const Tensor& x) { return x + x; });
  const Tensor table = Tensor::of<float>({1, 2, 3}, {3});
  const Tensor spoilt = pick(table, indices({0, 7}));
  EXPECT_EQ(twice(table).array().as<float>()[2], 6.0f);
  emulate::emulated_gpu().wait();
  EXPECT_ERROR(spoilt.array().as<float>(), kOutOfRange,
               "gather: index 7 at position 1 is outside [-3, 3)");
  EXPECT_EQ(pick(table, indices({0, 2})).array().as<float>()[1], 3.0f);
  const Tensor further = twice(pick(table, indices({5, 1})));
  EXPECT_ERROR(further.array().as<float>(), kOutOfRange,
               "gather: index 5 at position 0 is outside [-3, 3)");
}

TEST_F(OnDevice, AFaultFollowsAStateIntoOtherPrograms) {
  const StatePtr total = number("total", 1);
  auto add = compile([&](const Tensor& index) {
    total->assign(total->read() + sum(gather(Tensor::of<float>({1, 2, 3}, {3}), index, 0)));
  });
  auto twice = compile([&] { return total->read() * 2.0; });
  add(indices({1, 4}));
  EXPECT_ERROR(twice().item(), kOutOfRange, "gather: index 4 at position 1 is outside [-3, 3)");
}

TEST_F(OnDevice, ALostDeviceStopsAtTheNodeInTheFirstRun) {
  auto f = compile([](const Tensor& x) { return softmax(exp(x) * 2.0, 1); });
  const Tensor x = Tensor::from(randoms({4, 8}, 3));
  emulate::emulated_gpu().lose_after(2);
  EXPECT_ERROR(f(x), kSystem, "softmax: emulator: the GPU is lost");
  emulate::emulated_gpu().lose_after(-1);
}

TEST_F(OnDevice, SaysWhatTakesTheMemoryAndWhichBatchWouldFit) {
  const StatePtr w = State::create("w", randoms({64, 256}, 1, 0.1f));
  auto f = compile([&](const Tensor& x) { return sum(linear(x, w->read()) * 2.0); });
  emulate::emulated_gpu().limit_memory(3 << 20);
  std::string message;
  try {
    f(Tensor::from(randoms({8192, 256}, 2)));
  } catch (const Error& error) {
    message = error.what();
  }
  emulate::emulated_gpu().limit_memory(SIZE_MAX);
  EXPECT_THAT(message, testing::StartsWith("cuda:0 (emulated): out of memory: a program of "));
  EXPECT_THAT(message, testing::HasSubstr("are free; the largest values are "));
  EXPECT_THAT(message, testing::HasSubstr("f32[8192, 64]"));
  EXPECT_THAT(message, testing::ContainsRegex("a batch of about [0-9]+ instead of 8192 would fit"));
}

// A library may refuse at the first run what plans were made for.
TEST_F(OnDevice, WhatALibraryDoesNotFuseIsAKernelOfItsOwn) {
  const Array weights = randoms({16, 24}, 1), bias = randoms({16}, 2), more = randoms({8, 16}, 4);
  const Array filters = randoms({5, 3, 3, 3}, 5), shift = randoms({5}, 6);
  const auto products = [&](const Tensor& x) {
    return relu(linear(x, Tensor::from(weights), Tensor::from(bias)));
  };
  const auto sums = [&](const Tensor& x) {
    return linear(x, Tensor::from(weights), Tensor::from(bias)) + Tensor::from(more);
  };
  const auto convolutions = [&](const Tensor& x) {
    const Tensor image = reshape(x, {1, 3, 8, 8});
    return relu(conv(image, Tensor::from(filters), Tensor::from(shift)));
  };
  const Tensor x = Tensor::from(randoms({8, 24}, 3));
  const std::function<Tensor(const Tensor&)> all[] = {products, sums, convolutions};
  for (const auto& f : all) {
    auto fused = compile(f);
    const Array want = fused(x).array();
    const size_t before = launched();
    emulate::emulated_gpu().refuse_epilogues(true);
    auto apart = compile(f);
    const Array got = apart(x).array();
    emulate::emulated_gpu().refuse_epilogues(false);
    EXPECT_GT(launched() - before, before);
    for (int64_t i = 0; i < want.numel(); ++i) {
      EXPECT_NEAR(got.as<float>()[i], want.as<float>()[i], 1e-5);
    }
    emulate::emulated_gpu().launched.clear();
  }
}

// Batch norm is a sum over each channel and one pass over the rest, with all that follows.
TEST_F(OnDevice, BatchNormJoinsWhatFollows) {
  const Array scale = randoms({8}, 1), shift = randoms({8}, 2), more = randoms({4, 8, 6, 6}, 3);
  const auto f = [&](const Tensor& x) {
    const Tensor y = batch_norm(x, Tensor::from(scale), Tensor::from(shift)).y;
    return relu(y + Tensor::from(more));
  };
  const Tensor x = Tensor::from(randoms({4, 8, 6, 6}, 4));
  auto there = compile(f);
  const Array got = there(x).array();
  const auto& launched = emulate::emulated_gpu().launched;
  for (const std::string& kernel : launched) {
    EXPECT_FALSE(kernel.starts_with("batch_norm_planes")) << kernel;
  }
  EXPECT_LE(launched.size(), 4u);
  set_backend("cpu");
  auto here = compile(f);
  const Array want = here(x).array();
  for (int64_t i = 0; i < want.numel(); ++i) {
    EXPECT_NEAR(got.as<float>()[i], want.as<float>()[i], 1e-4) << i;
  }
}

// The checkpoint on disk stays as it was, and training goes on from there.
TEST_F(OnDevice, TrainingOnADeviceThatIsLostLeavesItsCheckpoint) {
  const TempFolder folder;
  const train::Recipe recipe = train::parse_recipe(R"(
name = "small"
model = {name = "mlp", sizes = [784, 8, 10]}
data = {kind = "digits", train_samples = 60, test_samples = 40, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.01}
train = {epochs = 4, batch = 20, eval_batch = 30, threads = 1}
)",
                                                   "small.toml", {});
  train::Trainer trainer(recipe, {.runs = folder / "runs", .quiet = true});
  emulate::emulated_gpu().lose_after(150);
  std::string message;
  try {
    trainer.run();
  } catch (const Error& error) {
    message = error.what();
  }
  emulate::emulated_gpu().lose_after(-1);
  const std::string path = trainer.folder().path();
  EXPECT_THAT(message, testing::ContainsRegex("train: stopped at step [0-9]+: .*emulator: the GPU "
                                              "is lost; the last good checkpoint is .*, of step "
                                              "[0-9]+; go on with: suan train --resume "));
  train::Trainer again(train::RunFolder::open(path), {.runs = folder / "runs", .quiet = true});
  EXPECT_EQ(again.run().steps, 12);
}

}  // namespace
}  // namespace suan
