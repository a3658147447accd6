// Mixed precision: what keeps its operands as they are.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/precision.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "suan/autodiff/gradient.h"
#include "suan/ops/bitwise.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"
#include "suan/ops/widen.h"

namespace suan {
namespace {

// The dtype of the first operand of the only node of this op, after lowering to bf16.
DType operand_dtype(const Tensor& output, std::vector<Tensor> inputs, Op op) {
  Graph graph;
  graph.inputs = std::move(inputs);
  graph.outputs = {output};
  const Graph low = lower_precision(graph, Arithmetic::bf16);
  verify(low);
  for (const NodePtr& node : low.nodes()) {
    if (is(*node, op)) return node->inputs[0].dtype();
  }
  ADD_FAILURE() << "the op is gone";
  return DType::boolean;
}

TEST(LowerPrecision, LeavesExactProductsAlone) {
  const Tensor a = make_input(Type(DType::f32, {4, 4}), "a");
  EXPECT_EQ(operand_dtype(matmul(a, a), {a}, Op::matmul), DType::bf16);
  EXPECT_EQ(operand_dtype(matmul(a, a, {.exact = true}), {a}, Op::matmul), DType::f32);
  const Tensor x = make_input(Type(DType::f32, {1, 2, 4, 4}), "x");
  EXPECT_EQ(operand_dtype(conv(x, x), {x}, Op::conv), DType::bf16);
  EXPECT_EQ(operand_dtype(conv(x, x, {}, {.exact = true}), {x}, Op::conv), DType::f32);
}

TEST(LowerPrecision, KeepsTheBitsThatAreReadAsAnotherDtype) {
  const Tensor a = make_input(Type(DType::f32, {4, 4}), "a");
  EXPECT_EQ(operand_dtype(bitcast(matmul(a, a), DType::i32), {a}, Op::bitcast), DType::f32);
  const Tensor h = make_input(Type(DType::bf16, {4}), "h");
  EXPECT_EQ(operand_dtype(bitcast(h, DType::i16), {h}, Op::bitcast), DType::bf16);
}

TEST(LowerPrecision, KeepsInF32WhatIsWidened) {
  const Tensor a = make_input(Type(DType::f32, {4, 4}), "a");
  const Tensor product = matmul(a, a);
  EXPECT_EQ(operand_dtype(exp(product * 2.0), {a}, Op::exp), DType::bf16);
  EXPECT_EQ(operand_dtype(exp(widen(product) * 2.0), {a}, Op::exp), DType::f32);
}

std::vector<std::string> fp8_operands(const Graph& graph) {
  std::vector<std::string> found;
  const Graph low = lower_precision(graph, Arithmetic::fp8);
  verify(low);
  for (const NodePtr& node : low.nodes()) {
    if (!is(*node, Op::scaled_matmul)) continue;
    EXPECT_EQ(node->types[0].dtype, DType::bf16);
    found.push_back(
        fmt::format("{} {}", name(node->inputs[0].dtype()), name(node->inputs[1].dtype())));
  }
  return found;
}

TEST(LowerPrecision, GivesGradientsInFp8MoreRange) {
  Graph graph;
  const Tensor x = make_input(Type(DType::f32, {64, 128}), "x");
  const Tensor w = make_input(Type(DType::f32, {96, 128}), "w");
  graph.inputs = {x, w};
  const Tensor y = linear(x, w);
  graph.outputs = gradients(sum(y * y), graph.inputs);
  EXPECT_EQ(fp8_operands(graph),
            (std::vector<std::string>{"f8e4m3fn f8e4m3fn", "f8e5m2 f8e4m3fn", "f8e5m2 f8e4m3fn"}));
  for (const Tensor& t : lower_precision(graph, Arithmetic::fp8).outputs) {
    EXPECT_EQ(t.dtype(), DType::f32);
  }
}

TEST(LowerPrecision, LeavesProductsThatFp8DoesNotSuitIn16Bits) {
  const auto operands = [](Shape a, Shape b, MatmulAttrs attrs) {
    Graph graph;
    graph.inputs = {make_input(Type(DType::f32, a), "a"), make_input(Type(DType::f32, b), "b")};
    graph.outputs = {matmul(graph.inputs[0], graph.inputs[1], attrs)};
    return fp8_operands(graph).size();
  };
  EXPECT_EQ(operands({64, 64}, {64, 64}, {}), 1U);
  EXPECT_EQ(operands({64, 64}, {64, 64}, {.exact = true}), 0U);
  EXPECT_EQ(operands({64, 64}, {64, 10}, {}), 0U);
  EXPECT_EQ(operands({64, 72}, {72, 64}, {}), 0U);
  EXPECT_EQ(operands({2, 64, 64}, {2, 64, 64}, {}), 0U);
}

TEST(AllowTf32, MarksProductsThatNeedNotBeExact) {
  Graph graph;
  const Tensor a = make_input(Type(DType::f32, {1, 2, 4, 4}), "a");
  graph.inputs = {a};
  graph.outputs = {matmul(a, a), matmul(a, a, {.exact = true}), conv(a, a),
                   conv(a, a, {}, {.exact = true}),
                   matmul(cast(a, DType::f64), cast(a, DType::f64))};
  const Graph marked = allow_tf32(graph);
  std::vector<bool> got;
  for (const Tensor& t : marked.outputs) {
    const bool product = is(t.node(), Op::matmul);
    got.push_back(product ? t.node().attr<MatmulAttrs>().tf32 : t.node().attr<ConvAttrs>().tf32);
  }
  EXPECT_EQ(got, (std::vector<bool>{true, false, true, false, false}));
}

}  // namespace
}  // namespace suan
