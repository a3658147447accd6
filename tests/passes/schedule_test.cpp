// What lives when: the liveness rule that recomputation goes by.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/schedule.h"

#include <gtest/gtest.h>

#include "suan/graph/op_def.h"

namespace suan {
namespace {

using Bytes = std::vector<size_t>;

MemoryProfile profile(const StepGraph& steps) {
  return profile_memory(steps, steps.initial_order());
}
Graph graph_of(const std::string& lines) { return parse_graph("graph {\n" + lines + "\n}"); }

// exp, neg and their product: 4,096 bytes each.
Graph diamond() {
  return graph_of(R"(  %0 = input() {label="x"} : f32[1024]
  %1 = exp(%0) : f32[1024]
  %2 = neg(%1) : f32[1024]
  %3 = mul(%1, %2) : f32[1024]
  %4 = sum(%3) {axes=[0], keep=false} : f32[]
  return %4)");
}

TEST(Schedule, AValueLivesFromItsStepToItsLastReader) {
  const StepGraph steps(diamond());
  const MemoryProfile p = profile(steps);
  EXPECT_EQ(p.bytes, (Bytes{4096, 8192, 12288, 4096}));  // the sum is a result
  EXPECT_EQ(p.peak, 12288u);
  EXPECT_EQ(p.peak_at, 2);
}

TEST(Schedule, AnOutputTakesThePlaceOfAnInputThatDies) {
  const StepGraph steps(
      diamond(), [](const Node& node) { return StepMemory{.in_place = node.op->row != nullptr}; });
  EXPECT_EQ(profile(steps).bytes, (Bytes{4096, 8192, 8192, 4096}));
}

TEST(Schedule, ScratchLivesDuringItsStepAndIsAligned) {
  const StepGraph steps(diamond(), [](const Node& node) {
    return StepMemory{.scratch_bytes = node.op->name == "sum" ? 100u : 0u};
  });
  EXPECT_EQ(profile(steps).bytes, (Bytes{4096, 8192, 12288, 4096 + 128}));
}

TEST(Schedule, AViewKeepsWhatItShowsAlive) {
  const StepGraph steps(graph_of(R"(  %0 = input() {label="x"} : f32[1024]
  %1 = exp(%0) : f32[1024]
  %2 = reshape(%1) {shape=[32, 32]} : f32[32, 32]
  %3 = sum(%1) {axes=[0], keep=false} : f32[]
  %4 = sum(%2) {axes=[0], keep=false} : f32[32]
  return %3, %4)"));
  EXPECT_EQ(profile(steps).bytes, (Bytes{4096, 4096, 4096}));
}

TEST(Schedule, ResultsAndWhatTheyAreViewsOfAreNotInTheArena) {
  const StepGraph steps(graph_of(R"(  %0 = input() {label="x"} : f32[1024]
  %1 = exp(%0) : f32[1024]
  %2 = reshape(%1) {shape=[32, 32]} : f32[32, 32]
  %3 = neg(%0) : f32[1024]
  return %2, %3)"));
  EXPECT_EQ(profile(steps).bytes, (Bytes{0, 0}));
}

TEST(Schedule, OutputsThatNobodyReadHaveMemoryOnlyWhereTheKernelWritesAll) {
  const Graph graph = graph_of(R"(  %0 = input() {label="x"} : f32[2048]
  %1 = split(%0) {sizes=[1024, 1024], axis=0} : f32[1024], f32[1024]
  %2 = sum(%1.0) {axes=[0], keep=false} : f32[]
  return %2)");
  EXPECT_EQ(profile(StepGraph(graph)).bytes, (Bytes{4096, 4096}));
  const StepGraph all(graph, [](const Node&) { return StepMemory{.writes_all = true}; });
  EXPECT_EQ(profile(all).bytes, (Bytes{8192, 4096}));
}

TEST(Schedule, ReadersTakeTheLatestResultAndStepsThatNobodyReadVanish) {
  const StepGraph steps(diamond());
  const MemoryProfile twice = profile_memory(steps, {0, 1, 0, 2, 3});
  EXPECT_EQ(twice.bytes, (Bytes{4096, 8192, 8192, 12288, 4096}));
  EXPECT_EQ(twice.flops, profile(steps).flops + steps.step(0).flops);
  EXPECT_EQ(profile_memory(steps, {0, 0, 1, 2, 3}).order, (std::vector<int>{0, 1, 2, 3}));
  const Graph again = steps.build(twice.order);
  verify(again);
  EXPECT_EQ(to_text(again), to_text(graph_of(R"(  %0 = input() {label="x"} : f32[1024]
  %1 = exp(%0) : f32[1024]
  %2 = neg(%1) : f32[1024]
  %3 = exp(%0) : f32[1024]
  %4 = mul(%3, %2) : f32[1024]
  %5 = sum(%4) {axes=[0], keep=false} : f32[]
  return %5)")));
}

TEST(Schedule, UpdatesThatNeedNothingComputedComeLast) {
  const StepGraph steps(graph_of(R"(  %0 = state() {name="n"} : f32[1024]
  %1 = exp(%0) : f32[1024]
  %2 = neg(%0) : f32[1024]
  %3 = sum(%1) {axes=[0], keep=false} : f32[]
  return %3
  update "n" = %2)"));
  EXPECT_EQ(steps.initial_order(), (std::vector<int>{0, 2, 1}));
  EXPECT_EQ(steps.step(0).before, std::vector<int>{1});
}

}  // namespace
}  // namespace suan
