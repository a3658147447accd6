// Running all passes, or all but some.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "suan/backend/kernel.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/passes/pass.h"
#include "tests/expect_error.h"

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

TEST(Optimise, LeavesOutPassesByName) {
  std::vector<PassTiming> times;
  const std::vector<std::string> none = optional_passes();
  EXPECT_FALSE(is_fused(optimise(two_nodes(), *cpu_backend().target, none, &times)));
  ASSERT_EQ(times.size(), 1U);
  EXPECT_STREQ(times[0].name, "decompose");
  const std::vector<std::string> wrong{"fuze"};
  EXPECT_ERROR(optimise(two_nodes(), *cpu_backend().target, wrong), kInvalidArgument,
               "passes: there is no pass 'fuze', did you mean 'fuse'?");
}

}  // namespace
}  // namespace suan
