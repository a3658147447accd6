// Checkpoints: the same gradients from less memory.
// SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/checkpoint.h"

#include <gtest/gtest.h>

#include "suan/autodiff/gradient.h"
#include "suan/graph/pending.h"
#include "suan/graph/state.h"
#include "suan/nn/dropout.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/random.h"
#include "suan/ops/reduce.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

constexpr int kBlocks = 12;
constexpr int64_t kRows = 256, kWidth = 32;

Tensor random(const Shape& shape, int64_t stream) {
  return Tensor::from((random_normal(Tensor::of<int64_t>({7, stream}, {2}), shape) * 0.2).array());
}

// A loss through blocks of x + gelu(dropout(x) w1) w2, and its gradients in x and all weights.
struct Chain {
  explicit Chain(bool checkpoints) : checkpoints(checkpoints) {
    for (int i = 0; i < 2 * kBlocks; ++i) {
      const bool first = i % 2 == 0;
      weights.push_back(random(first ? Shape{kWidth, 4 * kWidth} : Shape{4 * kWidth, kWidth}, i));
    }
  }
  std::vector<Tensor> operator()(const Tensor& x, const std::vector<Tensor>& w) const {
    Tensor y = x;
    for (int i = 0; i < kBlocks; ++i) {
      const size_t at = 2 * static_cast<size_t>(i);
      const Tensor &w1 = w[at], &w2 = w[at + 1];
      const auto block = [&](const Tensor& in) {
        const Tensor key = Tensor::of<int64_t>({3, i}, {2});
        const Tensor kept = random_uniform(key, {kRows, 4 * kWidth}) >= 0.2;
        return in + matmul(select(kept, gelu(matmul(in, w1)), 0.0), w2);
      };
      y = checkpoints ? checkpoint(block)(y) : block(y);
    }
    std::vector<Tensor> wrt = w;
    wrt.push_back(x);
    std::vector<Tensor> out = gradients(sum(square(y)), wrt);
    out.push_back(y);
    return out;
  }
  ProgramPtr program(Arithmetic precision = Arithmetic::f32) const {
    const PauseTracking pause;
    Graph graph;
    for (const Tensor& w : weights) graph.inputs.push_back(make_input(w.type(), "w"));
    const std::vector<Tensor> w = graph.inputs;
    graph.inputs.push_back(make_input(Type(DType::f32, {kRows, kWidth}), "x"));
    graph.outputs = (*this)(graph.inputs.back(), w);
    return Program::build(graph, cpu_backend(), {.precision = precision});
  }
  bool checkpoints;
  std::vector<Tensor> weights;
};

std::vector<float> floats(const Array& a) { return {a.as<float>(), a.as<float>() + a.numel()}; }

TEST(Checkpointing, GivesTheSameGradientsToTheLastBit) {
  const Chain plain(false), saving(true);
  const Tensor x = random({kRows, kWidth}, 100);
  const auto want = plain(x, plain.weights), got = saving(x, saving.weights);
  realise(want);
  realise(got);
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(floats(got[i].array()), floats(want[i].array())) << "value " << i;
  }
}

TEST(Checkpointing, SavesMemoryInADeepChain) {
  const size_t plain = Chain(false).program()->plan().arena_bytes;
  const size_t saving = Chain(true).program()->plan().arena_bytes;
  EXPECT_LT(saving * 2, plain);
}

TEST(Checkpointing, SavesMemoryInMixedPrecision) {
  const size_t plain = Chain(false).program(Arithmetic::bf16)->plan().arena_bytes;
  const size_t saving = Chain(true).program(Arithmetic::bf16)->plan().arena_bytes;
  EXPECT_LT(saving * 2, plain);
}

TEST(Checkpointing, ComputesEachBlockTwiceAndCostsNothingElse) {
  const auto count = [](const ProgramPtr& program, Op op) {
    int n = 0;
    for (const PlannedStep& step : program->plan().steps) n += is(*step.node, op);
    return n;
  };
  const ProgramPtr plain = Chain(false).program(), saving = Chain(true).program();
  EXPECT_EQ(count(plain, Op::matmul), 6 * kBlocks);
  // The second product of a block is computed again, too, only where somebody needs its value.
  EXPECT_EQ(count(saving, Op::matmul), 7 * kBlocks);
  EXPECT_EQ(count(plain, Op::random_uniform), kBlocks);
  EXPECT_EQ(count(saving, Op::random_uniform), 2 * kBlocks);
  EXPECT_EQ(count(saving, Op::barrier), 0);
  EXPECT_EQ(count(saving, Op::checkpoint), 0);
}

TEST(Checkpointing, CanBeDifferentiatedTwice) {
  const Tensor x = Tensor::of<float>({0.5f, -1.5f, 2}, {3});
  const auto second = [&](bool saves) {
    const auto f = [](const Tensor& a) { return tanh(a) * exp(a) * a; };
    const Tensor y = saves ? checkpoint(f)(x) : f(x);
    const Tensor g = gradients(sum(y), std::vector{x})[0];
    return floats(gradients(sum(g * g), std::vector{x})[0].array());
  };
  EXPECT_EQ(second(true), second(false));
}

TEST(Checkpointing, DropsTheSameElementsAndMovesTheRandomStateOnce) {
  const auto run = [](bool saves) {
    nn::seed(5);
    const auto drop = std::make_shared<nn::Dropout>(0.5);
    const Tensor x = ones({64});
    auto step = compile([=](const Tensor& in) {
      const auto f = [=](const Tensor& a) { return (*drop)(a * a); };
      const Tensor y = saves ? checkpoint(f)(in) : f(in);
      std::vector<Tensor> out = gradients(sum(y * y), std::vector{in});
      out.push_back(y);
      return out;
    });
    std::vector<std::vector<float>> values;
    for (int i = 0; i < 2; ++i) {
      for (const Tensor& t : step(x)) values.push_back(floats(t.array()));
    }
    values.emplace_back();
    const Array key = drop->key->array();
    for (const int64_t word : key.span<int64_t>()) {
      values.back().push_back(static_cast<float>(word % 1000));
    }
    return values;
  };
  const auto want = run(false), got = run(true);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i], want[i]) << "value " << i;
}

TEST(Checkpointing, ReachesParametersThatTheFunctionReads) {
  const StatePtr w = State::create("w", Array::of<float>(std::vector<float>{2, 3}, {2}));
  const Tensor x = Tensor::of<float>({5, 7}, {2});
  auto step = compile([=](const Tensor& in) {
    const Tensor y = checkpoint([&](const Tensor& a) { return a * square(w->read()); })(in);
    return grad(sum(y), std::vector<StatePtr>{w});
  });
  EXPECT_EQ(floats(step(x)[0].array()), (std::vector<float>{20, 42}));
}

}  // namespace
}  // namespace suan
