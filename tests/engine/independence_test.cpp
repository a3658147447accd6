// What is proven to keep the rows of a batch apart, and what is not.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/independence.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "suan/ops/attention.h"
#include "suan/ops/concat.h"
#include "suan/ops/conv.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/ops/split.h"
#include "tests/engine/models.h"

namespace suan {
namespace {

using Function = std::function<Tensor(const Tensor& x, int64_t batch)>;

Shape whole_shape(const Shape& shape, int64_t batch) {
  Shape whole = shape;
  whole.insert(0, batch);
  return whole;
}

// The proof for f on x [batch, shape...], made for batches of 4 and 3.
Independence prove(const Shape& shape, const Function& f) {
  f(make_input({DType::f32, whole_shape(shape, 4)}, "x"),
    4);  // makes weights, as loading a model does
  Graph graphs[2];
  for (int i = 0; i < 2; ++i) {
    graphs[i].inputs = {make_input({DType::f32, whole_shape(shape, 4 - i)}, "x")};
    graphs[i].outputs = {f(graphs[i].inputs[0], 4 - i)};
  }
  const AxisOf place{0, 0};
  return prove_independent(graphs[0], graphs[1], {&place, 1});
}
void expect_axis(int axis, const Shape& shape, const Function& f) {
  const Independence proof = prove(shape, f);
  EXPECT_EQ(proof.fault, "");
  ASSERT_FALSE(proof.outputs.empty());
  EXPECT_EQ(proof.outputs[0], axis);
}
void expect_fault(const Shape& shape, const Function& f) { EXPECT_NE(prove(shape, f).fault, ""); }

Tensor weights(const Shape& shape) {  // the same for every trace
  static std::map<std::string, Tensor> all;
  return all.try_emplace(to_string(shape), Tensor::from(random_array(shape, 3))).first->second;
}

TEST(Independence, OfOpsThatWorkRowByRow) {
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return relu(x * 2.0) + weights({6}); });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return softmax(x, 1); });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return cumsum(x, 1); });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return layer_norm(x, weights({6})); });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return matmul(x, weights({6, 2})); });
  expect_axis(1, {6},
              [](const Tensor& x, int64_t) { return matmul(weights({2, 6}), x, false, true); });
  expect_axis(0, {3, 6}, [](const Tensor& x, int64_t) { return matmul(x, x, false, true); });
  expect_axis(0, {3, 6}, [](const Tensor& x, int64_t) { return sum(x, {1}); });
  expect_axis(0, {3, 6}, [](const Tensor& x, int64_t) { return max(x, {2}, true); });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return concat({x, x}, 1); });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return split(x, {2, 4}, 1)[1]; });
  expect_axis(0, {6}, [](const Tensor& x, int64_t) { return slice(x, {1}, {5}, {1}); });
  expect_axis(0, {3, 8, 8},
              [](const Tensor& x, int64_t) { return conv(x, weights({4, 3, 3, 3})); });
  expect_axis(0, {2, 3, 4}, [](const Tensor& x, int64_t) { return attention(x, x, x); });
}

TEST(Independence, FollowsTheAxisThroughTransposesAndReshapes) {
  expect_axis(1, {6}, [](const Tensor& x, int64_t) { return transpose(x); });
  expect_axis(0, {3, 6}, [](const Tensor& x, int64_t batch) {
    return reshape(matmul(reshape(x, {batch * 3, 6}), weights({6, 2})), {batch, 3, 2});
  });
  expect_axis(0, {3, 6}, [](const Tensor& x, int64_t batch) { return reshape(x, {batch * 9, 2}); });
  expect_axis(1, {6}, [](const Tensor& x, int64_t batch) { return reshape(x, {1, batch, 6}); });
  expect_axis(2, {3, 6}, [](const Tensor& x, int64_t) { return transpose(x, {2, 1, 0}); });
}

TEST(Independence, TakesConstantsThatAreTheSameForEveryRow) {
  expect_axis(0, {6}, [](const Tensor& x, int64_t batch) {
    return concat({broadcast_to(weights({1, 6}), {batch, 6}), x}, 1);
  });
  expect_axis(0, {6},
              [](const Tensor& x, int64_t batch) { return concat({zeros({batch, 2}), x}, 1); });
  expect_axis(0, {2}, [](const Tensor& x, int64_t batch) {
    Array rows(DType::f32, {batch, 2});
    for (int64_t i = 0; i < 2 * batch; ++i) rows.as<float>()[i] = i % 2 ? 7 : 5;
    return x * Tensor::from(rows);
  });
  expect_axis(-1, {2}, [](const Tensor&, int64_t) { return weights({2, 6}); });
}

TEST(Independence, IsRefusedWhereRowsMeet) {
  expect_fault({6}, [](const Tensor& x, int64_t) { return softmax(x, 0); });
  expect_fault({6}, [](const Tensor& x, int64_t) { return cumsum(x, 0); });
  expect_fault({6}, [](const Tensor& x, int64_t) { return sum(x, {0}); });
  expect_fault({6}, [](const Tensor& x, int64_t) { return x - max(x, {0}, true); });
  expect_fault({6}, [](const Tensor& x, int64_t) { return matmul(x, x, false, true); });
  expect_fault({6}, [](const Tensor& x, int64_t) { return matmul(x, x, true, false); });
  expect_fault({6}, [](const Tensor& x, int64_t) { return concat({x, x}, 0); });
  expect_fault({6}, [](const Tensor& x, int64_t batch) { return reshape(x, {3, batch * 2}); });
  expect_fault({6},
               [](const Tensor& x, int64_t batch) { return reshape(transpose(x), {batch, 6}); });
  expect_fault({6}, [](const Tensor& x, int64_t batch) { return slice(x, {1}, {batch}, {0}); });
  expect_fault(
      {6}, [](const Tensor& x, int64_t batch) { return x + slice(x, {batch - 1}, {batch}, {0}); });
  expect_fault(
      {6}, [](const Tensor& x, int64_t) { return gather(x, Tensor::of<int64_t>({1, 0}, {2}), 0); });
}

TEST(Independence, IsRefusedWhereTheSizeIsLookedAt) {
  expect_fault(
      {6}, [](const Tensor& x, int64_t batch) { return x * (1.0 / static_cast<double>(batch)); });
  expect_fault({6}, [](const Tensor& x, int64_t batch) {
    return x * Tensor::from(Array::list<float>(std::vector<float>(6, static_cast<float>(batch))));
  });
  expect_fault({1}, [](const Tensor& x, int64_t batch) {
    Array numbers(DType::f32, {batch, 1});
    for (int64_t i = 0; i < batch; ++i) numbers.as<float>()[i] = static_cast<float>(i);
    return x + Tensor::from(numbers);
  });
  expect_fault({6}, [](const Tensor& x, int64_t batch) { return batch == 4 ? relu(x) : x; });
}

TEST(Independence, NamesTheOpInTheFault) {
  EXPECT_EQ(prove({6}, [](const Tensor& x, int64_t) { return softmax(x, 0); }).fault,
            "'softmax' to f32[4, 6] does not keep its slices apart");
}

}  // namespace
}  // namespace suan
