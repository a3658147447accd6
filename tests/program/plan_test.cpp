// The memory plan: blocks that live at one time never overlap, and values are reused only where
// nobody reads them any more.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/plan.h"

#include <cmath>

#include "suan/base/random.h"
#include "suan/graph/pending.h"
#include "suan/graph/state.h"
#include "suan/ops/conv.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

TEST(PackIntervals, NeverLetsLivingBlocksOverlap) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Interval> blocks;
    const int count = 1 + static_cast<int>(random.randint(0, 60));
    size_t total = 0;
    for (int i = 0; i < count; ++i) {
      const int first = static_cast<int>(random.randint(0, 40));
      const int last = first + static_cast<int>(random.randint(0, 12));
      blocks.push_back({static_cast<size_t>(random.randint(1, 5000)), first, last, 0});
      total += (blocks.back().bytes + 63) / 64 * 64;
    }
    const size_t arena = pack_intervals(blocks);
    EXPECT_LE(arena, total);
    for (size_t i = 0; i < blocks.size(); ++i) {
      const Interval& a = blocks[i];
      EXPECT_EQ(a.offset % 64, 0u);
      EXPECT_LE(a.offset + a.bytes, arena);
      for (size_t j = i + 1; j < blocks.size(); ++j) {
        const Interval& b = blocks[j];
        const bool together = a.first <= b.last && b.first <= a.last;
        const bool apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
        ASSERT_TRUE(!together || apart) << "round " << round << ", blocks " << i << " and " << j;
      }
    }
  }
}

TEST(PackIntervals, ReusesTheMemoryOfDeadBlocks) {
  std::vector<Interval> blocks;
  for (int i = 0; i < 10; ++i) blocks.push_back({4096, i, i, 0});
  EXPECT_EQ(pack_intervals(blocks), 4096u);
  std::vector<Interval> none;
  EXPECT_EQ(pack_intervals(none), 0u);
}

TEST(Plan, LetsWhatIsMadeOfStatesAloneWaitForItsFirstUser) {
  const PauseTracking pause;
  Graph g;
  std::vector<Tensor> made;
  for (int i = 0; i < 8; ++i) {
    const Tensor w = Tensor::from(Array(DType::f32, {1024}));
    made.push_back(cumsum(cumsum(w)));
  }
  g.inputs = {make_input(Type(DType::f32, {1024}), "x")};
  Tensor y = g.inputs[0];
  for (const Tensor& t : made) y = cumsum(y + t);
  g.outputs = {y};
  EXPECT_LE(Program::build(g, cpu_backend())->plan().arena_bytes, 4 * 4096u);
}

TEST(Plan, OfAChainNeedsTwoBlocks) {
  const PauseTracking pause;
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {1024}), "x")};
  Tensor y = g.inputs[0];
  for (int i = 0; i < 20; ++i) y = cumsum(y);
  g.outputs = {sum(y)};
  EXPECT_LE(make_plan(g, reference_backend()).arena_bytes, 2 * 4096u);
}

// What a convolution reads is also what is added to its result, in one step.
TEST(Plan, AResultIsNotWrittenOverWhatTheSameStepStillReads) {
  const PauseTracking pause;
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {1, 32, 12, 12}), "x"),
              make_input(Type(DType::f32, {32, 32, 3, 3}), "w")};
  const Tensor x = exp(g.inputs[0]);
  const ConvAttrs same{.pad_begin = {1, 1}, .pad_end = {1, 1}};
  g.outputs = {sum(conv(x, g.inputs[1], {}, same) + x, {1})};
  Random random(5);
  std::vector<BufferPtr> blocks;
  for (const Tensor& input : g.inputs) {
    const Array array(DType::f32, input.shape());
    for (float& v : array.span<float>()) v = random.uniform() - 0.5f;
    blocks.push_back(array.buffer);
  }
  RunContext fast(Program::build(g, cpu_backend())), plain(Program::build(g, reference_backend()));
  const float *got = fast.run(blocks)[0]->as<float>(),
              *expected = plain.run(blocks)[0]->as<float>();
  for (int i = 0; i < 144; ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-3 + 1e-4 * std::abs(expected[i]));
}

// The storage of a state's value and of its update, in a program of the cpu backend.
PlannedState planned(const StatePtr& s, const std::function<std::vector<Tensor>()>& f) {
  auto step = compile([&] { return f(); });
  const auto program = step.program();
  for (const PlannedState& p : program->plan().states) {
    if (p.state == s) return p;
  }
  return {};
}

TEST(Plan, UpdatesAStateInPlaceWhereNobodyElseReadsIt) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>(64, 1.0f), {64}));
  const PlannedState alone = planned(s, [&]() -> std::vector<Tensor> {
    s->assign(s->read() * 0.5 + 1.0);
    return {};
  });
  EXPECT_EQ(alone.current, alone.next);
}

TEST(Plan, KeepsTheOldValueOfAStateThatIsReturned) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>(64, 1.0f), {64}));
  const PlannedState returned = planned(s, [&]() -> std::vector<Tensor> {
    const Tensor old = s->read();
    s->assign(old * 0.5 + 1.0);
    return {old};
  });
  EXPECT_NE(returned.current, returned.next);
}

// The updates of three states by one number, and the program that makes them.
std::vector<StatePtr> three_states() {
  std::vector<StatePtr> states;
  for (const int64_t n : {5, 5000, 70000}) {
    const std::vector<float> values(static_cast<size_t>(n), static_cast<float>(n));
    states.push_back(State::create("s", Array::of<float>(values, {n})));
  }
  return states;
}

TEST(Plan, UpdatesOfAllStatesShareALoop) {
  const auto states = three_states();
  auto step = compile([&] {
    for (const StatePtr& s : states) s->assign(s->read() * 0.5 + 1.0);
  });
  EXPECT_EQ(step.program()->plan().steps[0].together, 3u);
  step();
  step();
  for (const StatePtr& s : states) {
    const Array got = s->array();
    const auto n = static_cast<float>(got.shape[0]);
    for (const float v : got.span<float>()) ASSERT_EQ(v, n / 4 + 1.5f);
  }
}

TEST(Plan, StepsThatReadWhatAnotherWritesDoNotShareALoop) {
  const auto states = three_states();
  auto step = compile([&] {
    const Tensor a = states[0]->read() * 0.5;
    states[1]->assign(states[1]->read() * sum(a));
    states[0]->assign(a + take(states[1]->read(), 0, 0));
  });
  for (const PlannedStep& s : step.program()->plan().steps) EXPECT_EQ(s.together, 1u);
  step();
  EXPECT_EQ(states[0]->array().span<float>()[0], 2.5f + 5000 * 12.5f);
}

TEST(Program, RunsAnUpdateThatSwapsTwoStates) {
  const StatePtr a = State::create("a", Array::of<float>(std::vector<float>{1}, {1}));
  const StatePtr b = State::create("b", Array::of<float>(std::vector<float>{2}, {1}));
  auto swap = compile([&] {
    const Tensor old = a->read();
    a->assign(b->read());
    b->assign(old);
  });
  swap();
  EXPECT_EQ(a->array().as<float>()[0], 2.0f);
  EXPECT_EQ(b->array().as<float>()[0], 1.0f);
  swap();
  EXPECT_EQ(a->array().as<float>()[0], 1.0f);
}

TEST(Program, GivesOneBlockToAnOutputThatIsReturnedTwice) {
  auto f = compile([](const Tensor& x) { return std::vector<Tensor>{x * 2.0, x}; });
  const Tensor x = Tensor::of<float>({1, 2}, {2});
  const auto first = f(x);
  const auto second = f(Tensor::of<float>({5, 6}, {2}));
  EXPECT_EQ(first[0].array().as<float>()[1], 4.0f);  // still held, so not overwritten
  EXPECT_EQ(second[0].array().as<float>()[1], 12.0f);
  EXPECT_EQ(second[1].array().as<float>()[0], 5.0f);
}

int64_t known_values(const Tensor& t) {
  Graph graph;
  graph.outputs = {t};
  int64_t known = 0;
  for (const NodePtr& node : graph.nodes()) known += node->value(0) != nullptr;
  return known;
}

TEST(Lazy, AGraphThatIsNeverReadRealisesItselfAfterTenThousandNodes) {
  const Tensor x = Tensor::of<float>({1}, {1});
  Tensor y = x;
  for (int i = 0; i < 25'000; ++i) y = y + x;
  EXPECT_GE(known_values(y), 3);  // x and two values on the way
  EXPECT_EQ(y.item(), 25'001.0);
}

TEST(Lazy, ItIsTheLongGraphThatIsRealisedNotTheNodeThatCrossesTheLimit) {
  reset_pending();
  const Tensor x = Tensor::of<float>({1}, {1});
  Tensor y = x;
  for (int i = 0; i < kMaxPendingNodes; ++i) y = neg(y);
  const Tensor aside = x * x;
  EXPECT_EQ(known_values(y), 1);
  y = neg(y);
  EXPECT_NE(y.node().value(0), nullptr);
  EXPECT_EQ(aside.node().value(0), nullptr);
}

TEST(Lazy, AStateThatIsNeverReadLetsItsPastGo) {
  const StatePtr s = State::create("s", Array::of<float>(std::vector<float>{0}, {1}));
  for (int i = 0; i < 40'000; ++i) s->assign(s->read() + 1.0);
  Graph graph;
  graph.outputs = {s->read()};
  EXPECT_LE(graph.nodes().size(), 2u * kMaxPendingNodes);
  EXPECT_EQ(s->array().as<float>()[0], 40'000.0f);
}

TEST(Lazy, AGraphMadeByHandIsLeftAlone) {
  Graph graph;
  graph.inputs = {make_input(Type(DType::f32, {1}), "x")};
  Tensor y = graph.inputs[0];
  for (int i = 0; i < 25'000; ++i) y = neg(y);
  EXPECT_EQ(known_values(y), 0);
}

}  // namespace
}  // namespace suan
