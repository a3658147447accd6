// Running all passes, or all but some.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "suan/backend/kernel.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/passes/pass.h"
#include "suan/program/program.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"

namespace suan {
namespace {

Graph two_nodes() {
  Graph graph;
  graph.inputs = {make_input(Type(DType::f32, {64}), "x")};
  graph.outputs = {exp(relu(graph.inputs[0]))};
  return graph;
}

bool is_fused(const Graph& graph) {
  const auto nodes = graph.nodes();
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const NodePtr& node) { return is(*node, Op::fused); });
}

TEST(Optimise, TimesEveryPass) {
  std::vector<PassTiming> times;
  EXPECT_TRUE(is_fused(optimise(two_nodes(), *cpu_backend().target, {}, &times)));
  ASSERT_EQ(times.size(), standard_passes().size());
  EXPECT_STREQ(times.front().name, "decompose");
  EXPECT_EQ(times.front().nodes, 3U);
  EXPECT_EQ(times.back().nodes, 2U);
  for (const PassTiming& time : times) EXPECT_GE(time.seconds, 0);
}

TEST(Optimise, CanLeaveOutEachPass) {
  const auto times_without = [](const std::vector<std::string>& names) {
    std::vector<PassTiming> times;
    optimise(two_nodes(), *cpu_backend().target, {.precision = Arithmetic::bf16, .without = names},
             &times);
    std::multiset<std::string> ran;
    for (const PassTiming& time : times) ran.insert(time.name);
    return ran;
  };
  const std::multiset<std::string> all = times_without({});
  std::vector<std::string> names = optional_passes();
  EXPECT_EQ(std::count(names.begin(), names.end(), "lower_precision"), 1);
  names.emplace_back("decompose");
  for (const std::string& name : names) {
    EXPECT_TRUE(all.contains(name)) << name;
    std::multiset<std::string> others = all;
    others.erase(name);
    EXPECT_EQ(times_without({name}), others) << name;
  }
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), names.size());
  EXPECT_TRUE(times_without(names).empty());
}

// Asked for 16 bits but without the pass that takes them, a graph computes in f32.
TEST(Optimise, CanLeaveOutLowerPrecision) {
  Graph graph;
  graph.inputs = {make_input(Type(DType::f32, {64, 64}), "x")};
  graph.outputs = {matmul(graph.inputs[0], graph.inputs[0])};
  const auto casts = [&](std::vector<std::string> without) {
    const PassOptions options{.precision = Arithmetic::bf16, .without = std::move(without)};
    return to_text(optimise(graph, *cpu_backend().target, options)).find("bf16") !=
           std::string::npos;
  };
  EXPECT_TRUE(casts({}));
  EXPECT_FALSE(casts({"lower_precision"}));
}

TEST(Optimise, LeavesOutPassesByName) {
  std::vector<PassTiming> times;
  const PassOptions none{.without = optional_passes()};
  EXPECT_FALSE(is_fused(optimise(two_nodes(), *cpu_backend().target, none, &times)));
  ASSERT_EQ(times.size(), 1U);
  EXPECT_STREQ(times[0].name, "decompose");
  const PassOptions wrong{.without = {"fuze"}};
  EXPECT_ERROR(optimise(two_nodes(), *cpu_backend().target, wrong), kInvalidArgument,
               "passes: there is no pass 'fuze', did you mean 'fuse'?");
}

// Written out in f32, with a result of f32: the products around it work in 16 bits, and so does it.
TEST(Optimise, RecognisesBeforeItLowersPrecision) {
  Graph graph;
  graph.inputs = {make_input(Type(DType::f32, {64, 64}), "x")};
  const Tensor y = matmul(graph.inputs[0], graph.inputs[0]);
  const Tensor cubed = y * y * y;
  const Tensor gelu = 0.5 * y * (1.0 + tanh(0.7978845608 * (y + 0.044715 * cubed)));
  graph.outputs = {matmul(gelu, graph.inputs[0])};
  const Graph low = optimise(graph, *cpu_backend().target, {.precision = Arithmetic::bf16});
  const auto nodes = low.nodes();
  const auto products = std::count_if(nodes.begin(), nodes.end(), [](const NodePtr& node) {
    return is(*node, Op::fused) || is(*node, Op::matmul);
  });
  EXPECT_EQ(products, 2) << to_text(low);
}

BufferPtr largest(const std::vector<BufferPtr>& blocks) {
  return *std::max_element(blocks.begin(), blocks.end(),
                           [](const auto& a, const auto& b) { return a->bytes() < b->bytes(); });
}

// What a fold made of weights is one block for programs of all shapes, and so is what is packed.
TEST(Optimise, SharesFoldedWeightsBetweenPrograms) {
  Array weights(DType::f32, {256, 256}), scale(DType::f32, {256});
  for (float& w : weights.span<float>()) w = 0.5f;
  for (float& s : scale.span<float>()) s = 2.0f;
  const Tensor w = Tensor::from(weights), s = Tensor::from(scale);
  const auto constants = [&](int64_t rows, Arithmetic precision) {
    Graph graph;
    graph.inputs = {make_input(Type(DType::f32, {rows, 256}), "x")};
    graph.outputs = {matmul(graph.inputs[0], w) * s};
    const auto program = Program::build(graph, cpu_backend(), {.precision = precision});
    return std::pair(program, largest(program->plan().constants));
  };
  const Reproducible kernels;
  for (const Arithmetic precision : {Arithmetic::f32, Arithmetic::bf16}) {
    const auto a = constants(64, precision), b = constants(128, precision);
    EXPECT_GE(a.second->bytes(), 256 * 256 * size_of(data_dtype(precision)));
    EXPECT_EQ(a.second, b.second) << name(precision);
  }
}

}  // namespace
}  // namespace suan
