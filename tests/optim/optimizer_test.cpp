// Optimizer steps against the same formulas in double, written out by hand; what a step refuses.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "suan/nn/module.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
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
  check([](const auto& p) { return Sgd(p, {.lr = 0.1, .weight_decay = 0.01}); },
        [](Values& w, const Values& g, int) {
          for (int i = 0; i < kSize; ++i) w[i] -= 0.1 * (g[i] + 0.01 * w[i]);
        });
  for (const bool nesterov : {false, true}) {
    const double dampening = nesterov ? 0 : 0.3;
    check(
        [&](const auto& p) {
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
        [&](const auto& p) {
          return Adam(p, {.lr = 0.1, .beta2 = 0.99, .weight_decay = 0.1, .amsgrad = amsgrad});
        },
        adam_reference(0.1, 0.1, false, amsgrad));
    check(
        [&](const auto& p) {
          return AdamW(p, {.lr = 0.1, .beta2 = 0.99, .weight_decay = 0.1, .amsgrad = amsgrad});
        },
        adam_reference(0.1, 0.1, true, amsgrad));
  }
}

double norm(const Values& v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

TEST(Lamb, ScalesTheStepByTheTrustRatio) {
  check([](const auto& p) { return Lamb(p, {.lr = 0.1, .weight_decay = 0.1}); },
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
  check([](const auto& p) { return Lion(p, {.lr = 0.1, .weight_decay = 0.1}); },
        [m = Values{}](Values& w, const Values& g, int) mutable {
          for (int i = 0; i < kSize; ++i) {
            const double c = 0.9 * m[i] + 0.1 * g[i];
            w[i] -= 0.1 * ((c > 0 ? 1 : -1) + 0.1 * w[i]);
            m[i] = 0.99 * m[i] + 0.01 * g[i];
          }
        });
}

TEST(RmsProp, StepsAsPyTorch) {
  for (const bool centered : {false, true}) {
    check(
        [&](const auto& p) {
          return RmsProp(p, {.lr = 0.1,
                             .alpha = 0.9,
                             .weight_decay = 0.1,
                             .momentum = 0.5,
                             .centered = centered});
        },
        [=, v = Values{}, a = Values{}, b = Values{}](Values& w, const Values& grad, int) mutable {
          for (int i = 0; i < kSize; ++i) {
            const double g = grad[i] + 0.1 * w[i];
            v[i] = 0.9 * v[i] + 0.1 * g * g;
            a[i] = 0.9 * a[i] + 0.1 * g;
            const double root = std::sqrt(centered ? v[i] - a[i] * a[i] : v[i]) + 1e-8;
            b[i] = 0.5 * b[i] + g / root;
            w[i] -= 0.1 * b[i];
          }
        });
  }
}

TEST(Adagrad, StepsAsPyTorch) {
  check(
      [](const auto& p) {
        return Adagrad(
            p, {.lr = 0.1, .lr_decay = 0.5, .weight_decay = 0.1, .initial_accumulator = 0.2});
      },
      [s = Values{0.2, 0.2, 0.2}](Values& w, const Values& grad, int t) mutable {
        for (int i = 0; i < kSize; ++i) {
          const double g = grad[i] + 0.1 * w[i];
          s[i] += g * g;
          w[i] -= 0.1 / (1 + (t - 1) * 0.5) * g / (std::sqrt(s[i]) + 1e-10);
        }
      });
}

TEST(Muon, VectorsTakeAdamW) {
  check(
      [](const auto& p) {
        return Muon(p, {.lr = 1, .weight_decay = 0.1, .adamw_lr = 0.1, .beta2 = 0.99});
      },
      adam_reference(0.1, 0.1, true, false));
}

TEST(Muon, BringsSingularValuesNearOne) {
  // Singular values 3, 1 and 0.5 in rotated planes; the result's product with itself is near I.
  for (const bool tall : {false, true}) {
    const Tensor x = Tensor::of<float>({1.8f, -2.4f, 0, 0, 0.8f, 0.6f, 0, 0, 0, 0, 0.3f, 0.4f},
                                       tall ? Shape{4, 3} : Shape{3, 4});
    const Tensor y = orthogonalised(x);
    const Array product = matmul(y, y, tall, !tall).array();
    for (int i = 0; i < 9; ++i) {
      const float v = product.as<float>()[i];
      EXPECT_NEAR(v, i % 4 == 0 ? 0.95 : 0, i % 4 == 0 ? 0.55 : 0.5);
    }
  }
}

TEST(Muon, StepsMatricesAndKernelsByMuon) {
  const StatePtr kernel = nn::parameter("kernel", {8, 2, 1, 1});
  const StatePtr embedding = nn::parameter("embedding", {4, 2});
  std::vector<ParameterGroup> groups{{{kernel}}, {{embedding}}};
  groups[1].matrix = false;
  Muon muon(groups, {.lr = 0.1});
  EXPECT_EQ(muon.states().size(), 5u);  // lr, step, two momenta, one v
  std::vector<float> g(16, 0.0f);
  g[0] = g[3] = 2;
  muon.step({Tensor::from(Array::of<float>(g, {8, 2, 1, 1})), embedding->read() + 1.0});
  const Array w = kernel->array();
  // sqrt(8 / 2) times 0.1 times a value near 1 (0.7 to 1.2).
  EXPECT_TRUE(w.as<float>()[0] < -0.13 && w.as<float>()[0] > -0.25) << w.as<float>()[0];
  EXPECT_FLOAT_EQ(w.as<float>()[0], w.as<float>()[3]);
  EXPECT_EQ(w.as<float>()[1], 0);
  EXPECT_NEAR(embedding->array().as<float>()[5], -3e-4, 1e-8);
}

TEST(Gradients, ClippingScalesTheGlobalNorm) {
  const std::vector<Tensor> grads{Tensor::of<float>({3, 0}, {2}), Tensor::of<float>({4}, {1})};
  const auto clipped = clip_grad_norm(grads, 1);
  EXPECT_FLOAT_EQ(clipped.norm.item(), 5);
  EXPECT_NEAR(clipped.grads[0].array().as<float>()[0], 0.6, 1e-6);
  EXPECT_NEAR(clipped.grads[1].item(), 0.8, 1e-6);
  EXPECT_EQ(clip_grad_norm(grads, 10).grads[1].item(), 4);
  EXPECT_ERROR(clip_grad_norm(grads, 0), kInvalidArgument,
               "clip_grad_norm: max_norm is 0, expected more than 0");
}

TEST(Gradients, AccumulationStepsWithTheMean) {
  const StatePtr w = start();
  Sgd sgd({w}, {.lr = 1});
  GradientAccumulator sums({w});
  auto micro = compile([&](const Tensor& g) { sums.add({g}); });
  auto last = compile([&](const Tensor& g) {
    sums.add({g});
    sgd.step(sums.take());
  });
  for (int round = 0; round < 2; ++round) {
    micro(Tensor::of<float>({1, 2, 3}, {3}));
    last(Tensor::of<float>({3, 2, 1}, {3}));
  }
  EXPECT_FLOAT_EQ(w->array().as<float>()[0], -3);
  EXPECT_FLOAT_EQ(w->array().as<float>()[1], -6);
  EXPECT_EQ(*sums.states()[0]->array().as<int64_t>(), 0);
}

TEST(Ema, FollowsTheWeightsAndSwaps) {
  const StatePtr w = start();
  Ema ema({w}, {.decay = 0.9});
  w->assign(w->read() + 1.0);
  ema.update();
  EXPECT_NEAR(ema.states()[1]->array().as<float>()[0], 1.1, 1e-6);
  ema.swap();
  EXPECT_NEAR(w->array().as<float>()[0], 1.1, 1e-6);
  ema.swap();
  EXPECT_FLOAT_EQ(w->array().as<float>()[0], 2);
  Ema warm({w}, {.decay = 0.9, .warmup = true});
  w->assign(w->read() * 0.0);
  warm.update();  // decay 1 / 10
  EXPECT_NEAR(warm.states()[1]->array().as<float>()[0], 0.2, 1e-6);
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

TEST(Optimizer, AStepOutsideOfATraceIsComputedAtOnce) {
  const StatePtr w = start();
  AdamW adamw({w}, {.lr = 0.1});
  for (int i = 0; i < 3; ++i) {
    const uint64_t version = w->version();
    adamw.step({Tensor::of<float>({1, 2, 3}, {3}) * 1.0});
    EXPECT_GT(w->version(), version);
    for (const StatePtr& s : adamw.states()) {
      EXPECT_NE(s->read().node().value(0), nullptr) << s->name();
    }
    EXPECT_NE(w->read().node().value(0), nullptr);
    EXPECT_TRUE(w->read().node().inputs.empty());  // nothing of the step's graph is kept
  }
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
