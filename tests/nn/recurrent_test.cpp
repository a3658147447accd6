// LSTM and GRU against the written-out recurrences; lengths; names.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/recurrent.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/random.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan::nn {
namespace {

constexpr int kIn = 3, kHidden = 2, kTime = 4;

Tensor random_input(const Shape& shape) {
  Array a(DType::f32, shape);
  Random random(11);
  for (float& v : a.span<float>()) v = random.normal();
  return Tensor::from(a);
}

double dot(const StatePtr& w, int row, const double* x, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += double{w->array().as<float>()[row * n + i]} * x[i];
  return sum;
}
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

// One step of the cell for one row, from the states in the order weight_ih, weight_hh, biases.
void reference_step(const std::vector<StatePtr>& p, bool lstm, const double* x, double* h,
                    double* c) {
  const int gates = lstm ? 4 : 3;
  double in[8], rec[8];
  for (int g = 0; g < gates * kHidden; ++g) {
    in[g] = dot(p[0], g, x, kIn) + p[2]->array().as<float>()[g];
    rec[g] = dot(p[1], g, h, kHidden) + p[3]->array().as<float>()[g];
  }
  for (int k = 0; k < kHidden; ++k) {
    const auto gate = [&](int g) { return in[g * kHidden + k] + rec[g * kHidden + k]; };
    if (lstm) {
      c[k] = sigmoid_of(gate(1)) * c[k] + sigmoid_of(gate(0)) * std::tanh(gate(2));
      h[k] = sigmoid_of(gate(3)) * std::tanh(c[k]);
    } else {
      const double r = sigmoid_of(gate(0)), z = sigmoid_of(gate(1));
      const double n = std::tanh(in[2 * kHidden + k] + r * rec[2 * kHidden + k]);
      h[k] = (1 - z) * n + z * h[k];
    }
  }
}

template <class Layer>
void check_against_reference(bool lstm) {
  Layer layer(kIn, kHidden);
  const auto p = layer.parameters();
  const Tensor x = random_input({1, kTime, kIn});
  const RecurrentResult result = layer(x);
  const Array output = result.output.array();
  double h[kHidden] = {}, c[kHidden] = {};
  for (int t = 0; t < kTime; ++t) {
    double in[kIn];
    for (int i = 0; i < kIn; ++i) in[i] = x.array().as<float>()[t * kIn + i];
    reference_step(p, lstm, in, h, c);
    for (int k = 0; k < kHidden; ++k) {
      EXPECT_NEAR(output.as<float>()[t * kHidden + k], h[k], 1e-5);
    }
  }
  EXPECT_NEAR(result.h.array().as<float>()[1], h[1], 1e-5);
  if (lstm) {
    EXPECT_NEAR(result.c.array().as<float>()[1], c[1], 1e-5);
  }
}

TEST(Lstm, FollowsItsRecurrence) { check_against_reference<Lstm>(true); }
TEST(Gru, FollowsItsRecurrence) { check_against_reference<Gru>(false); }

TEST(Lstm, HasPyTorchsNamesAndShapes) {
  Lstm lstm(kIn, kHidden, {.layers = 2, .bidirectional = true});
  std::vector<std::string> names;
  for (const auto& s : lstm.named_states()) names.push_back(s.name);
  ASSERT_EQ(names.size(), 16u);
  EXPECT_EQ(names[0], "weight_ih_l0");
  EXPECT_EQ(names[7], "bias_hh_l0_reverse");
  EXPECT_EQ(names[13], "weight_hh_l1_reverse");
  EXPECT_EQ(lstm.named_states()[8].state->type().shape, (Shape{8, 4}));
  const RecurrentResult result = lstm(random_input({5, kTime, kIn}));
  EXPECT_EQ(result.output.shape(), (Shape{5, kTime, 4}));
  EXPECT_EQ(result.c.shape(), (Shape{4, 5, kHidden}));
}

TEST(Lstm, ShortRowsAreAsIfTheyWereAlone) {
  for (const bool bidirectional : {false, true}) {
    Lstm lstm(kIn, kHidden, {.layers = 2, .bidirectional = bidirectional});
    const Tensor x = random_input({2, kTime, kIn});
    const RecurrentResult all = lstm(x, Tensor::of<int64_t>({2, 4}, {2}));
    const RecurrentResult alone = lstm(slice(x, {0, 0}, {1, 2}));
    const Tensor gap = sum(abs(slice(all.output, {0, 0}, {1, 2}) - alone.output)) +
                       sum(abs(narrow(all.h, 1, 0, 1) - alone.h)) +
                       sum(abs(narrow(all.c, 1, 0, 1) - alone.c));
    EXPECT_LT(gap.item(), 1e-5);
    EXPECT_EQ(sum(abs(slice(all.output, {0, 2}, {1, 4}))).item(), 0);
  }
}

TEST(Gru, GradientsReachEveryParameter) {
  Gru gru(kIn, kHidden, {.layers = 2, .bidirectional = true});
  const Tensor loss = sum(square(gru(random_input({2, kTime, kIn})).output));
  for (const Tensor& g : grad(loss, gru.parameters())) EXPECT_GT(sum(abs(g)).item(), 0);
}

TEST(Lstm, RefusesOtherShapes) {
  Lstm lstm(kIn, kHidden);
  EXPECT_ERROR(lstm(zeros({2, 5})), kInvalidArgument,
               "LSTM: got shape [2, 5], expected [rows, time, 3]");
  EXPECT_ERROR(lstm(zeros({2, 5, 3}), zeros({2})), kInvalidArgument,
               "LSTM: lengths are f32[2], expected i64[2]");
  EXPECT_ERROR(Gru(3, 0), kInvalidArgument,
               "GRU: got 3 inputs, 0 hidden, 1 layers, expected 1 or more");
}

}  // namespace
}  // namespace suan::nn
