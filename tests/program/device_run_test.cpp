// Programs on a device: what goes there and back, what is recorded, and who may hold what. The
// device is the emulated GPU. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/random.h"
#include "suan/graph/graph.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/optim/adam.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/expect_error.h"

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

}  // namespace
}  // namespace suan
