// Graphs as data: what the verifier refuses, what text says, and chains longer than a call stack.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/graph.h"

#include "suan/graph/pending.h"
#include "suan/graph/state.h"
#include "suan/graph/trace.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

Graph small_graph() {
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {2, 3}), "x")};
  g.outputs = {relu(g.inputs[0] * 2.0)};
  return g;
}
Node& changeable(const Tensor& t) { return const_cast<Node&>(t.node()); }

TEST(Verify, TakesAGraphOfTheOps) { EXPECT_NO_THROW(verify(small_graph())); }

TEST(Verify, FindsAnInputThatIsNotListed) {
  Graph g = small_graph();
  g.inputs.clear();
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: input 'x' is used but not listed");
}

TEST(Verify, FindsAnInputThatIsNoInputNode) {
  Graph g = small_graph();
  g.inputs = {g.outputs[0]};
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: an input is not an `input` node");
}

TEST(Verify, FindsAnUndefinedOutput) {
  Graph g = small_graph();
  g.outputs.emplace_back();
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: an output is undefined");
}

TEST(Verify, FindsATypeThatTheRuleDoesNotGive) {
  const Graph g = small_graph();
  changeable(g.outputs[0]).types[0].dtype = DType::f64;
  EXPECT_ERROR(verify(g), kInvalidArgument,
               "verify: output 0 of relu is f64[2, 3], its rule says f32[2, 3]");
}

TEST(Verify, FindsAnOutputThatTheNodeDoesNotHave) {
  const Graph g = small_graph();
  changeable(g.outputs[0]).inputs[0] = Tensor(g.outputs[0].node().inputs[0].node_ptr(), 1);
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: relu uses output 1 of mul, which has 1");
}

TEST(Verify, FindsANodeThatComesBeforeItsInputs) {
  const Graph g = small_graph();
  changeable(g.outputs[0]).id = 0;
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: relu uses a later node");
}

TEST(Verify, FindsAStateThatIsUpdatedTwiceOrWithAnotherType) {
  const StatePtr s = State::create("s", Array(DType::f32, {2}));
  Graph g;
  g.updates = {{s, zeros({2})}, {s, zeros({2})}};
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: state 's' is updated twice");
  g.updates = {{s, zeros({3})}};
  EXPECT_ERROR(verify(g), kInvalidArgument, "verify: state 's' is f32[2], its update is f32[3]");
}

TEST(MakeNode, ChecksTheNumberOfInputs) {
  EXPECT_ERROR(make(op_def(Op::add), {zeros({2})}), kInvalidArgument,
               "add: got 1 inputs, expected 2");
  EXPECT_ERROR(make(op_def(Op::add), {zeros({2}), Tensor()}), kInvalidArgument,
               "add: input 1 is undefined");
  EXPECT_ERROR(make(op_def(Op::concat), {}), kInvalidArgument,
               "concat: got 0 inputs, expected at least 1");
}

TEST(MakeNode, RefusesResultsThatNoMemoryHolds) {
  EXPECT_ERROR(zeros({int64_t{1} << 40, int64_t{1} << 40}), kInvalidArgument,
               "full: the result f32[1099511627776, 1099511627776] is too large");
}

TEST(Nodes, OfALongChainAreReleasedWithoutRecursion) {
  const PauseTracking pause;
  Tensor x = make_input(Type(DType::f32, {1}), "x");
  for (int i = 0; i < 200'000; ++i) x = neg(x);
  Graph g;
  g.outputs = {x};
  EXPECT_EQ(g.nodes().size(), 200'001u);
}

TEST(ValueMap, GivesTheReplacementOrTheValueItself) {
  const Tensor a = zeros({2}), b = ones({2}), c = zeros({3});
  ValueMap map;
  EXPECT_EQ(map.find(a), nullptr);
  map.set(a, b);
  EXPECT_TRUE(map(a).same_as(b));
  EXPECT_TRUE(map(c).same_as(c));
  EXPECT_FALSE(map(Tensor()));
}

TEST(Rewrite, SharesNodesThatDoNotChange) {
  Graph g = small_graph();
  const Tensor kept = exp(g.inputs[0]);
  g.outputs.push_back(kept);
  const Graph out = rewrite(g, [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (is(*node, Op::mul)) outputs = {inputs[0] + inputs[1]};
    return outputs;
  });
  verify(out);
  EXPECT_TRUE(out.outputs[1].same_as(kept));
  EXPECT_TRUE(is(out.outputs[0].node().inputs[0].node(), Op::add));
}

TEST(StructureKey, DependsOnStructureAndNotOnNames) {
  Graph a = small_graph(), b = small_graph();
  changeable(b.inputs[0]).label = "another";
  EXPECT_EQ(structure_key(a), structure_key(b));
  b.outputs[0] = abs(b.outputs[0]);
  EXPECT_NE(structure_key(a), structure_key(b));
}

TEST(Trace, RemembersSizesThatWereReadAsNumbers) {
  const Tensor x = make_input(Type(DType::f32, {4, 5}), "x");
  Trace trace;
  EXPECT_EQ(x.size(-1), 5);
  ASSERT_EQ(trace.specialisations().size(), 1u);
  EXPECT_EQ(trace.specialisations()[0], "size(-1) of f32[4, 5]");
}

}  // namespace
}  // namespace suan
