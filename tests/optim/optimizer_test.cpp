// Optimizer steps against the same formulas in double, written out by hand; what a step refuses.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "suan/nn/module.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/optim/optim.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan::optim {
namespace {

constexpr int kSize = 3;
using Values = std::array<double, kSize>;
constexpr Values kStart{1.0, -2.0, 0.5};
constexpr Values kGrads[3] = {{0.1, -0.3, 2.0}, {-0.2, 0.4, 1.0}, {0.05, 0.6, -1.5}};

StatePtr start() {
  return State::create("w", Array::of<float>(std::vector<float>{1.0f, -2.0f, 0.5f}, {3}), true);
}

// Three steps of `make({w})`, lazily and compiled, against `expected(w, grad, step number)`.
template <class Make, class Step>
void check(Make make, Step expected) {
  for (const bool compiled : {false, true}) {
    const StatePtr w = start();
    auto optimizer = make(std::vector<StatePtr>{w});
    auto run = compile([&](const Tensor& g) { optimizer.step({g}); });
    Values values = kStart;
    auto reference = expected;
    for (int t = 1; t <= 3; ++t) {
      const Values& g = kGrads[t - 1];
      const std::vector<float> data(g.begin(), g.end());
      const Tensor grad = Tensor::from(Array::of<float>(data, {3}));
      if (compiled) {
        run(grad);
      } else {
        optimizer.step({grad});
      }
      reference(values, g, t);
      for (int i = 0; i < kSize; ++i) {
        EXPECT_NEAR(w->array().as<float>()[i], values[i], 2e-6) << "step " << t << " of " << i;
      }
    }
    EXPECT_EQ(optimizer.steps(), 3);
    EXPECT_EQ(run.compile_count(), compiled ? 1 : 0);
  }
}

TEST(Sgd, StepsAsPyTorch) {
  check([](auto p) { return Sgd(p, {.lr = 0.1, .weight_decay = 0.01}); },
        [](Values& w, const Values& g, int) {
          for (int i = 0; i < kSize; ++i) w[i] -= 0.1 * (g[i] + 0.01 * w[i]);
        });
  for (const bool nesterov : {false, true}) {
    const double dampening = nesterov ? 0 : 0.3;
    check(
        [&](auto p) {
          return Sgd(p, {.lr = 0.1, .momentum = 0.9, .dampening = dampening, .nesterov = nesterov});
        },
        [=, b = Values{}](Values& w, const Values& g, int t) mutable {
          for (int i = 0; i < kSize; ++i) {
            b[i] = t == 1 ? g[i] : 0.9 * b[i] + (1 - dampening) * g[i];
            w[i] -= 0.1 * (nesterov ? g[i] + 0.9 * b[i] : b[i]);
          }
        });
  }
}

auto adam_reference(double lr, double decay, bool decoupled, bool amsgrad) {
  return [=, m = Values{}, v = Values{}, top = Values{}](Values& w, const Values& grad,
                                                         int t) mutable {
    for (int i = 0; i < kSize; ++i) {
      double g = grad[i];
      if (decoupled) w[i] -= lr * decay * w[i];
      if (!decoupled) g += decay * w[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.99 * v[i] + 0.01 * g * g;
      top[i] = std::max(top[i], v[i]);
      const double used = amsgrad ? top[i] : v[i];
      const double root = std::sqrt(used / (1 - std::pow(0.99, t))) + 1e-8;
      w[i] -= lr / (1 - std::pow(0.9, t)) * m[i] / root;
    }
  };
}

TEST(Adam, StepsAsPyTorch) {
  for (const bool amsgrad : {false, true}) {
    check(
        [&](auto p) {
          return Adam(p, {.lr = 0.1, .beta2 = 0.99, .weight_decay = 0.1, .amsgrad = amsgrad});
        },
        adam_reference(0.1, 0.1, false, amsgrad));
    check(
        [&](auto p) {
          return AdamW(p, {.lr = 0.1, .beta2 = 0.99, .weight_decay = 0.1, .amsgrad = amsgrad});
        },
        adam_reference(0.1, 0.1, true, amsgrad));
  }
}

double norm(const Values& v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

TEST(Lamb, ScalesTheStepByTheTrustRatio) {
  check([](auto p) { return Lamb(p, {.lr = 0.1, .weight_decay = 0.1}); },
        [m = Values{}, v = Values{}](Values& w, const Values& g, int t) mutable {
          Values u{};
          for (int i = 0; i < kSize; ++i) {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            const double root = std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-6;
            u[i] = m[i] / (1 - std::pow(0.9, t)) / root + 0.1 * w[i];
          }
          const double ratio = norm(w) / norm(u);
          for (int i = 0; i < kSize; ++i) w[i] -= 0.1 * ratio * u[i];
        });
}

TEST(Lion, TakesTheSign) {
  check([](auto p) { return Lion(p, {.lr = 0.1, .weight_decay = 0.1}); },
        [m = Values{}](Values& w, const Values& g, int) mutable {
          for (int i = 0; i < kSize; ++i) {
            const double c = 0.9 * m[i] + 0.1 * g[i];
            w[i] -= 0.1 * ((c > 0 ? 1 : -1) + 0.1 * w[i]);
            m[i] = 0.99 * m[i] + 0.01 * g[i];
          }
        });
}

TEST(Optimizer, GroupsHaveTheirOwnRateAndDecay) {
  const StatePtr matrix = nn::parameter("matrix", {2, 2}), bias = nn::parameter("bias", {2});
  matrix->assign(matrix->read() + 1.0);
  bias->assign(bias->read() + 1.0);
  auto groups = decay_groups({bias, matrix}, 0.5);
  groups[1].lr_scale = 2;
  Sgd sgd(groups, {.lr = 0.1});
  EXPECT_EQ(sgd.parameters()[0], matrix);
  sgd.step({nn::parameter("g", {2, 2})->read(), bias->read()});
  EXPECT_FLOAT_EQ(matrix->array().as<float>()[3], 0.95f);
  EXPECT_FLOAT_EQ(bias->array().as<float>()[1], 0.8f);
}

TEST(Optimizer, SlotsAreNamedAfterTheirParameter) {
  const StatePtr w = start();
  w->set_name("conv.weight");
  AdamW adamw({w});
  std::vector<std::string> names;
  for (const StatePtr& s : adamw.states()) names.push_back(s->name());
  EXPECT_EQ(names,
            (std::vector<std::string>{"optimizer.lr", "optimizer.step", "optimizer.m.conv.weight",
                                      "optimizer.v.conv.weight"}));
}

TEST(Optimizer, ACosineScheduleCompilesOnce) {
  const StatePtr w = start();
  AdamW adamw({w}, {.lr = 0.1});
  auto step = compile([&](const Tensor& target) {
    const Tensor loss = sum(square(w->read() - target));
    adamw.step(grad(loss, adamw.parameters()));
    return loss;
  });
  const Schedule schedule{
      .kind = ScheduleKind::cosine, .lr = 0.1, .warmup_steps = 10, .total_steps = 100};
  double last = 0;
  for (int i = 0; i < 100; ++i) {
    adamw.set_lr(schedule(i));
    last = step(Tensor::of<float>({0.0f, 0.0f, 1.0f}, {3})).item();
  }
  EXPECT_LT(last, 0.05);
  EXPECT_EQ(step.compile_count(), 1);
  EXPECT_EQ(adamw.steps(), 100);
}

TEST(Optimizer, WhatDoesNotFitIsRefused) {
  const StatePtr w = start();
  EXPECT_ERROR(Sgd({w}, {.lr = -1}), kInvalidArgument,
               "optimizer: lr is -1, expected at least 0 and below inf");
  EXPECT_ERROR(Sgd({w}, {.nesterov = true}), kInvalidArgument,
               "SGD: nesterov needs momentum and no dampening, got 0 and 0");
  EXPECT_ERROR(Adam({w}, {.beta2 = 1}), kInvalidArgument,
               "Adam: beta2 is 1, expected at least 0 and below 1");
  EXPECT_ERROR(Sgd({w, w}), kInvalidArgument, "optimizer: 'w' is given twice");
  Sgd sgd({w});
  EXPECT_ERROR(sgd.step({}), kInvalidArgument, "optimizer: got 0 gradients for 1 parameters");
  EXPECT_ERROR(sgd.step({Tensor::of<float>({1, 2}, {2})}), kInvalidArgument,
               "optimizer: the gradient of 'w' has shape [2], expected [3]");
}

}  // namespace
}  // namespace suan::optim
