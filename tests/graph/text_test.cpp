// Graphs as text: every part prints and parses back, and a mistake is named with its place.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/graph.h"
#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/fused.h"
#include "suan/ops/leaf.h"
#include "suan/ops/top_k.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

void expect_bad(const std::string& text, const std::string& message) {
  EXPECT_ERROR(parse_graph(text), kInvalidArgument, "graph text: " + message);
}
std::string one_node(const std::string& line) {
  return "graph {\n  %0 = input() {label=\"x\"} : f32[2]\n  " + line + "\n  return %1\n}";
}

TEST(GraphText, KeepsInputsConstantsStatesRegionsAndSecondOutputs) {
  const StatePtr s = State::create("w \"1\"\n", Array::of<float>(std::vector<float>{1, 2}, {2}));
  Graph region;
  region.inputs = {make_input(Type(DType::f32, {2}), "a")};
  region.outputs = {exp(region.inputs[0])};
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {2}), "x")};
  const Tensor state =
      parse_graph("graph {\n %0 = state() {name=\"s\"} : f32[2]\n return %0 }").outputs[0];
  const Sorted sorted = sort(g.inputs[0] + state + Tensor::of<float>({0.5f, -3.0f}, {2}));
  g.outputs = {Tensor(make_fused({sorted.values}, region), 0), sorted.indices};
  g.updates = {{s, sorted.values}};
  const std::string text = to_text(g);
  EXPECT_EQ(to_text(parse_graph(text)), text);
  EXPECT_NE(text.find("hex=\"0000003f000040c0\""), std::string::npos) << text;
}

TEST(GraphText, GivesLargeConstantsADigest) {
  Graph g;
  g.outputs = {Tensor::from(Array::of<float>(std::vector<float>(300, 1.0f), {300}))};
  EXPECT_NE(to_text(g).find("digest="), std::string::npos);
  EXPECT_NE(to_text(g, 300).find("hex="), std::string::npos);
}

TEST(GraphText, KeepsConstantsElsewhere) {
  const Tensor constant = Tensor::of<float>({1, 2}, {2});
  Graph g;
  g.outputs = {exp(constant) + Tensor::of<float>({3, 4}, {2})};
  const std::string text = to_text(g, [&](const Node& node) -> std::optional<std::string> {
    if (&node == &constant.node()) return "the \"first\"";
    return std::nullopt;
  });
  EXPECT_NE(text.find("ref=\"the \\\"first\\\"\""), std::string::npos) << text;
  EXPECT_NE(text.find("hex=\"0000404000008040\""), std::string::npos) << text;
  std::string asked;
  const Graph read = parse_graph(text, [&](std::string_view reference, const Type& type) {
    asked = fmt::format("{} {}", reference, to_string(type));
    return constant.node().values[0];
  });
  EXPECT_EQ(asked, "the \"first\" f32[2]");
  EXPECT_EQ(to_text(read), to_text(g));
  expect_bad(text, "line 2, column 49: a constant lies elsewhere");
}

TEST(GraphText, KeepsTheOrderOfInputsWhateverTheirAge) {
  const Tensor first = make_input(Type(DType::f32, {2}), "first");
  const Tensor second = make_input(Type(DType::i64, {3}), "second");
  Graph g;
  g.inputs = {second, first};
  g.outputs = {exp(first)};
  const Graph read = parse_graph(to_text(g));
  ASSERT_EQ(read.inputs.size(), 2);
  EXPECT_EQ(read.inputs[0].node().label, "second");
  EXPECT_EQ(to_text(read), to_text(g));
}

TEST(GraphText, NamesTheLineAndColumnOfAMistake) {
  expect_bad("", "line 1, column 1: expected 'graph'");
  expect_bad("graph {\n  %0 = nonsense()", "line 2, column 16: there is no op 'nonsense'");
  expect_bad(one_node("%1 = neg(%7) : f32[2]"),
             "line 3, column 14: a value is used before it is defined");
  expect_bad(one_node("%0 = neg(%0) : f32[2]"), "line 3, column 5: a value is defined twice");
  expect_bad(one_node("%1 = neg(%0.1) : f32[2]"), "line 3, column 16: no such output");
  expect_bad(one_node("%1 = neg(%0) : f32[3]"),
             "line 3, column 24: neg gives f32[2], the text says f32[3]");
  expect_bad(one_node("%1 = softmax(%0) {axes=1} : f32[2]"),
             "line 3, column 26: softmax has no such attribute, or not this value: 'axes'");
  expect_bad(one_node("%1 = neg(%0) : f32[2]") + " more",
             "line 5, column 3: text after the end of the graph");
  expect_bad("graph {\n  %0 = constant() {hex=\"00\"} : f32[1]\n  return %0 }",
             "line 2, column 38: a constant's hex digits do not fit its type");
  expect_bad("graph {\n  %0 = input() : f32[99999999999, 99999999999]\n  return %0 }",
             "line 2, column 47: a type is too large");
}

TEST(GraphText, ReportsAMistakeOfAnOpAsTheOpDoes) {
  EXPECT_ERROR(parse_graph(one_node("%1 = softmax(%0) {axis=4} : f32[2]")), kInvalidArgument,
               "softmax: axis 4 is out of range for shape [2]");
}

TEST(GraphText, BoundsTheDepthOfRegions) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "graph { %0 = fused() ";
  EXPECT_ERROR(parse_graph(text), kInvalidArgument,
               "graph text: line 1, column 358: regions are nested too deeply");
}

}  // namespace
}  // namespace suan
