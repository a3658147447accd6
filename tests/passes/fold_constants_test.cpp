// Folds that wait until they are wanted.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "suan/backend/evaluate.h"
#include "suan/graph/pending.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

const char* why_not(const Node&) { return nullptr; }

Tensor folded(const Tensor& t, const Target& target) {
  Graph graph;
  graph.outputs = {t};
  return fold_constants(graph, target).outputs[0];
}

TEST(FoldConstants, TakesAChainOfAnyLength) {
  constexpr int64_t kLarge = 1 << 14;  // elements; smaller ones are folded at once
  static int evaluated = 0;
  constexpr Target kTarget{.name = "counts", .why_not = why_not, .evaluate = [](const Tensor& t) {
                             ++evaluated;
                             return t.node().inputs[0].node().values[0];
                           }};
  Array zeros(DType::f32, {kLarge});
  zeros.as<float>()[0] = 7;
  Tensor t = Tensor::from(zeros);
  constexpr int kNodes = 100'000;
  const PauseTracking pause;  // nobody computes so long a chain in between
  for (int i = 0; i < kNodes; ++i) t = -t;
  Tensor result = folded(t, kTarget);
  t = Tensor();
  EXPECT_TRUE(is(result.node(), Op::constant));
  EXPECT_EQ(evaluated, 0);
  EXPECT_EQ(result.node().values[0]->as<float>()[0], 7);
  EXPECT_EQ(evaluated, kNodes);
}

TEST(FoldConstants, ComputesLaterWhatItWouldHaveComputedNow) {
  constexpr Target kTarget{.name = "plain", .why_not = why_not, .evaluate = [](const Tensor& t) {
                             return evaluate(t, reference_backend()).buffer;
                           }};
  const Shape shape{1 << 14};
  Array a(DType::f32, shape), b(DType::f32, shape);
  for (int64_t i = 0; i < a.numel(); ++i) {
    a.as<float>()[i] = static_cast<float>(i);
    b.as<float>()[i] = 2;
  }
  const Tensor x = Tensor::from(a), y = Tensor::from(b);
  Tensor t = x - y;
  t = t / y + t * full(3, {}, DType::f32);
  const Tensor result = folded(t, kTarget);
  EXPECT_FALSE(result.node().values[0]->is_made());
  for (const int64_t i : {0, 1, 5000}) {
    const auto n = static_cast<float>(i);
    EXPECT_EQ(result.node().values[0]->as<float>()[i], (n - 2) / 2 + (n - 2) * 3);
  }
}

}  // namespace
}  // namespace suan
