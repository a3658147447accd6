// Gradients of whole graphs: shared values, several outputs, what has none.
// SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/gradient.h"

#include "suan/graph/pending.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/top_k.h"
#include "suan/passes/pass.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

std::vector<float> values(const Tensor& t) {
  const Array a = t.array();
  return {a.as<float>(), a.as<float>() + a.numel()};
}

TEST(Gradients, AddUpOverAllUsesOfAValue) {
  const Tensor x = Tensor::of<float>({2, 3}, {2});
  const Tensor y = x * x + x * 3.0 + x;
  EXPECT_EQ(values(gradients(sum(y), std::vector{x})[0]), (std::vector<float>{8, 10}));
}

TEST(Gradients, OfAnUnusedTensorAreZero) {
  const Tensor x = Tensor::of<float>({2}, {1}), y = Tensor::of<float>({1, 2, 3}, {3});
  EXPECT_EQ(values(gradients(sum(x), std::vector{y})[0]), (std::vector<float>{0, 0, 0}));
}

TEST(Gradients, StartFromASeed) {
  const Tensor x = Tensor::of<float>({2, 3}, {2}), seed = Tensor::of<float>({10, 100}, {2});
  EXPECT_EQ(values(gradients(x * x, std::vector{x}, seed)[0]), (std::vector<float>{40, 600}));
}

TEST(Gradients, StopAtStopGradient) {
  const Tensor x = Tensor::of<float>({2, 3}, {2});
  const Tensor y = x * stop_gradient(x);
  EXPECT_EQ(values(gradients(sum(y), std::vector{x})[0]), (std::vector<float>{2, 3}));
}

TEST(Gradients, ReachEachOutputOfANode) {
  const Tensor x = Tensor::of<float>({2, 5, 3}, {3});
  const Sorted s = sort(x);
  const Tensor loss = sum(s.values * cast(s.indices, DType::f32));
  EXPECT_EQ(values(gradients(loss, std::vector{x})[0]), (std::vector<float>{0, 1, 2}));
}

TEST(Gradients, OfAValueInTheMiddleLeaveOutWhatLiesBefore) {
  const Tensor x = Tensor::of<float>({3}, {1});
  const Tensor middle = x * 2.0;
  const auto g = gradients(sum(middle * middle), std::vector{middle, x});
  EXPECT_EQ(values(g[0]), (std::vector<float>{12}));
  EXPECT_EQ(values(g[1]), (std::vector<float>{24}));
}

TEST(Gradients, OfDeepGraphsNeedNoRecursion) {
  const PauseTracking pause;
  const Tensor x = make_input(Type(DType::f32, {1}), "x");
  Tensor y = x;
  for (int i = 0; i < 50'000; ++i) y = neg(y);
  EXPECT_EQ(gradients(sum(y), std::vector{x}).size(), 1u);
}

TEST(Gradients, NeedOneNumberOrASeedOfItsType) {
  const Tensor x = Tensor::of<float>({1, 2}, {2});
  EXPECT_ERROR(gradients(x, std::vector{x}), kInvalidArgument,
               "grad: the loss has shape [2], expected one number");
  EXPECT_ERROR(gradients(x, std::vector{x}, zeros({3})), kInvalidArgument,
               "grad: the seed is f32[3], expected f32[2]");
}

TEST(Gradients, ThroughLabelsDoNotExistAndAreNotNeeded) {
  const Tensor x = Tensor::of<float>({1, 2}, {1, 2}), y = Tensor::of<int64_t>({1}, {1});
  EXPECT_EQ(gradients(cross_entropy(x, y), std::vector{x})[0].shape(), (Shape{1, 2}));
}

}  // namespace
}  // namespace suan
