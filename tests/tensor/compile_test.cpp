// Compiled functions and lazy values: one compile per signature, states, reading rules.
// SPDX-License-Identifier: Apache-2.0
#include "suan/tensor/compile.h"

#include <gtest/gtest.h>

#include "suan/base/random.h"
#include "suan/graph/graph.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

StatePtr random_state(const char* name, Shape shape, uint64_t seed, float scale) {
  Array a(DType::f32, shape);
  Random random(seed);
  for (float& v : a.span<float>()) v = scale * random.normal();
  return State::create(name, a, true);
}

TEST(Lazy, ReadingAValueComputesIt) {
  const Tensor x = Tensor::of<float>({1, 2, 3}, {3});
  EXPECT_EQ((x * x + 1.0).array().as<float>()[2], 10.0f);
  EXPECT_EQ(sum(x * 2.0).item(), 12.0);
}

TEST(Lazy, AssigningAStateKeepsThePendingValueUntilRead) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>{2, 3}, {2}));
  const Tensor before = s->read() * 1.0;
  s->assign(s->read() * 10.0);
  EXPECT_EQ(s->array().as<float>()[1], 30.0f);
  EXPECT_EQ(before.array().as<float>()[1], 3.0f);
}

TEST(Compile, TrainsAnMlpWithOneCompile) {
  const StatePtr w1 = random_state("w1", {32, 8}, 1, 0.4f), b1 = random_state("b1", {32}, 2, 0.1f);
  const StatePtr w2 = random_state("w2", {3, 32}, 3, 0.2f), b2 = random_state("b2", {3}, 4, 0.1f);
  const std::vector<StatePtr> params{w1, b1, w2, b2};
  const StatePtr lr = State::create("lr", Array::of<float>(std::vector<float>{0.5f}, {}));
  auto step = compile([&](const Tensor& x, const Tensor& y) {
    const Tensor hidden = relu(linear(x, w1->read(), b1->read()));
    const Tensor loss = cross_entropy(linear(hidden, w2->read(), b2->read()), y);
    const auto grads = grad(loss, params);
    for (size_t i = 0; i < params.size(); ++i) {
      params[i]->assign(params[i]->read() - lr->read() * grads[i]);
    }
    return loss;
  });
  Array x(DType::f32, {24, 8}), y(DType::i64, {24});
  Random random(7);
  for (float& v : x.span<float>()) v = random.normal();
  for (int i = 0; i < 24; ++i)
    y.as<int64_t>()[i] = x.as<float>()[i * 8] > 0.3f ? 2 : x.as<float>()[i * 8 + 1] > 0;
  double first = 0, last = 0;
  for (int i = 0; i < 100; ++i) {
    lr->load(Array::of<float>(std::vector<float>{0.5f * (1.0f - static_cast<float>(i) / 200)}, {}));
    last = step(Tensor::from(x), Tensor::from(y)).item();
    if (i == 0) first = last;
  }
  EXPECT_GT(first, 0.8);
  EXPECT_LT(last, 0.15);
  EXPECT_EQ(step.compile_count(), 1);
}

TEST(Compile, ReadingAValueInsideATraceIsAnError) {
  auto f = compile([](const Tensor& x) {
    (void)x.array();
    return x;
  });
  EXPECT_ERROR(f(Tensor::of<float>({1}, {1})), kInvalidArgument,
               "read: a value is read inside a traced function, where it is not known yet");
}

TEST(Compile, ReadingOneNumberOrAStateInsideATraceIsAnErrorToo) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>{1}, {1}));
  auto item = compile([](const Tensor& x) { return x * x.item(); });
  EXPECT_ERROR(item(Tensor::of<float>({1}, {1})), kInvalidArgument,
               "read: a value is read inside a traced function, where it is not known yet");
  auto all = compile([](const Tensor& x) {
    realise(std::vector<Tensor>{x * 2.0});
    return x;
  });
  EXPECT_ERROR(all(Tensor::of<float>({1}, {1})), kInvalidArgument,
               "read: a value is read inside a traced function, where it is not known yet");
  auto state = compile([&] {
    s->assign(s->read() + 1.0);
    (void)s->array();
  });
  EXPECT_ERROR(state(), kInvalidArgument,
               "read: the value of state 's' is read inside a traced function, where it is not "
               "known yet");
  EXPECT_EQ(s->array().as<float>()[0], 1.0f);  // and nothing has been assigned
}

TEST(Compile, RecordsTheSizesThatTheFunctionReadAsIntegers) {
  auto f = compile([](const Tensor& x) { return sum(x) / static_cast<double>(x.size(0)); });
  auto g = compile([](const Tensor& x) { return relu(x); });
  const Tensor four = Tensor::of<float>({1, 2, 3, 6}, {4}), two = Tensor::of<float>({1, 3}, {2});
  EXPECT_EQ(f.specialisations(four), std::vector<std::string>{"size(0) of f32[4]"});
  EXPECT_EQ(f.specialisations(two), std::vector<std::string>{"size(0) of f32[2]"});
  EXPECT_TRUE(g.specialisations(four).empty());
  EXPECT_EQ(f(four).item(), 3.0);
  EXPECT_EQ(f(two).item(), 2.0);
  EXPECT_EQ(f.compile_count(), 2);
}

TEST(Compile, ABadLabelIsReportedWithItsRow) {
  auto f = compile([](const Tensor& x, const Tensor& y) { return cross_entropy(x, y); });
  const Tensor x = Tensor::of<float>({1, 2, 3, 4}, {2, 2}), y = Tensor::of<int64_t>({0, 5}, {2});
  EXPECT_ERROR(f(x, y), kOutOfRange, "cross_entropy: label 5 at row 1 is outside [0, 2)");
}

TEST(Compile, AHeldValueOfAStateIsNotOverwritten) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>{1, 1}, {2}));
  const Tensor held = s->read();
  auto f = compile([&] { s->assign(s->read() + 1.0); });
  f();
  f();
  EXPECT_EQ(held.array().as<float>()[0], 1.0f);
  EXPECT_EQ(s->array().as<float>()[0], 3.0f);
}

TEST(Compile, ACloneOfAStateKeepsItsValue) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>{1, 2}, {2}));
  auto f = compile([&] { s->assign(s->read() * 2.0); });
  const StatePtr old = s->clone();
  f();
  f();
  EXPECT_EQ(old->array().as<float>()[1], 2.0f);
  EXPECT_EQ(s->array().as<float>()[1], 8.0f);
}

TEST(Compile, SecondDerivativesAreGraphsToo) {
  const Tensor x = Tensor::of<float>({0.5f, 2.0f}, {2});
  const Tensor y = sum(x * x * x);
  const Tensor first = grad(y, std::vector<Tensor>{x})[0];
  const Tensor second = grad(sum(first), std::vector<Tensor>{x})[0];
  EXPECT_FLOAT_EQ(second.array().as<float>()[1], 12.0f);
}

TEST(GraphText, PrintsAndParsesBack) {
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {2, 3}), "x")};
  g.outputs = {relu(g.inputs[0] * 2.0) + 1.0};
  const std::string text = to_text(g);
  EXPECT_EQ(to_text(parse_graph(text)), text);
  EXPECT_NO_THROW(verify(g));
}

}  // namespace
}  // namespace suan
