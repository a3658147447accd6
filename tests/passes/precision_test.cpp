// Mixed precision: what keeps its operands as they are.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/precision.h"

#include <gtest/gtest.h>

#include "suan/ops/bitwise.h"
#include "suan/ops/conv.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

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

}  // namespace
}  // namespace suan
