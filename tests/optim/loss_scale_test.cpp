// The loss scale: when it falls and grows, and that a step which overflowed leaves no trace.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/loss_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/widen.h"
#include "suan/optim/adam.h"
#include "suan/optim/gradients.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan::optim {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

StatePtr weights() {
  return State::create("w", Array::of<float>(std::vector<float>{1, -2, 3}, {3}), true);
}
Tensor gradient(float first) {
  return Tensor::from(Array::of<float>(std::vector<float>{first, 2, -1}, {3}));
}

std::vector<std::string> bytes_of(const std::vector<StatePtr>& states) {
  std::vector<std::string> all;
  for (const StatePtr& s : states) {
    const Array array = s->array();
    all.emplace_back(array.as<char>(), array.bytes());
  }
  return all;
}

// Steps of AdamW from gradients of the scaled loss, in one compiled function or at once.
class Steps {
 public:
  Steps(LossScaleOptions options, bool compiled) : scaler(options), compiled_(compiled) {}
  void operator()(const Tensor& scaled_gradient) {
    compiled_ ? run_(scaled_gradient) : step(scaled_gradient);
  }
  std::vector<StatePtr> states() const { return updated_by(adamw_); }
  int64_t good_steps() const { return *scaler.states()[1]->array().as<int64_t>(); }

  LossScaler scaler;

 private:
  void step(const Tensor& g) {
    const std::vector<Tensor> grads = scaler.unscaled({g});
    scaler.update(grads, states(), [&] { adamw_.step(clip_grad_norm(grads, 1.0).grads); });
  }
  bool compiled_;
  StatePtr w_ = weights();
  AdamW adamw_{{w_}, {.lr = 0.1}};
  Compiled<std::function<void(const Tensor&)>> run_{[this](const Tensor& g) { step(g); }};
};

TEST(LossScaler, LeavesAllAsItWasWhereGradientsAreNotFinite) {
  for (const bool compiled : {false, true}) {
    Steps steps({.initial = 1024}, compiled);
    steps(gradient(1));
    const auto before = bytes_of(steps.states());
    EXPECT_EQ(steps.good_steps(), 1);
    for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) steps(gradient(bad));
    EXPECT_EQ(bytes_of(steps.states()), before);
    EXPECT_EQ(steps.scaler.scale(), 128);
    EXPECT_EQ(steps.good_steps(), 0);
    steps(gradient(1));
    EXPECT_NE(bytes_of(steps.states()), before);
    EXPECT_EQ(steps.good_steps(), 1);
  }
}

TEST(LossScaler, GrowsAfterSoManyGoodStepsInARow) {
  for (const bool compiled : {false, true}) {
    Steps steps({.initial = 8, .interval = 3}, compiled);
    std::vector<double> scales;
    for (const float g : {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, kInfinity, 1.0F, 1.0F, 1.0F, 1.0F}) {
      steps(gradient(g));
      scales.push_back(steps.scaler.scale());
    }
    EXPECT_EQ(scales, (std::vector<double>{8, 8, 16, 16, 16, 8, 8, 8, 16, 16}));
  }
}

TEST(LossScaler, NeverGrowsToInfinity) {
  Steps steps({.initial = 0x1p99, .growth = 0x1p19, .interval = 1}, true);
  for (int i = 0; i < 3; ++i) steps(gradient(0));
  EXPECT_EQ(steps.scaler.scale(), 0x1p118);
}

// Gradients of 1e-9 are zero in f16.
TEST(LossScaler, KeepsGradientsThatF16CannotHold) {
  const StatePtr w =
      State::create("w", Array::of<float>(std::vector<float>(32, 0.5F), {4, 8}), true);
  const auto largest = [&](LossScaler* scaler) {
    auto f = compile(
        [&](const Tensor& x) {
          const Tensor loss = sum(widen(matmul(x, w->read()))) * 1e-9;
          if (!scaler) return max(abs(grad(loss, {w})[0]));
          return max(abs(scaler->unscaled(grad(scaler->scaled(loss), {w}))[0]));
        },
        {.precision = Arithmetic::f16});
    return f(full(1.0, {1, 4})).item();
  };
  LossScaler scaler;
  EXPECT_EQ(largest(nullptr), 0);
  EXPECT_NEAR(largest(&scaler), 1e-9, 1e-12);
}

TEST(LossScaler, RefusesSettingsThatMakeNoSense) {
  EXPECT_ERROR(LossScaler({.backoff = 1}), kInvalidArgument,
               "loss_scale: backoff is 1, expected at least 9.5367431640625e-07 and below 1");
  EXPECT_ERROR(LossScaler({.interval = 0}), kInvalidArgument,
               "loss_scale: interval is 0, expected 1 or more");
}

}  // namespace
}  // namespace suan::optim
