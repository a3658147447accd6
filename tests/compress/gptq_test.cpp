// Rounding with the inputs in mind.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/gptq.h"

#include <gtest/gtest.h>

#include "suan/backend/evaluate.h"
#include "suan/compress/layer_errors.h"
#include "tests/compress/small_graphs.h"

namespace suan::compress {
namespace {

// Inputs whose elements depend on each other, as those of real layers do.
Graph correlated(Tensor& y) {
  return graph_of({64, 8}, [&](const Tensor& x) {
    y = linear_of(linear_of(x, 32, 1), 16, 3);
    return y;
  });
}

TEST(Gptq, LosesLessThanRoundingToNearest) {
  Tensor y;
  const Graph graph = correlated(y);
  const auto batches = normal_batches(graph, 4);
  const GraphLayer layer = find_layers(graph)[1];
  const Array hessian = hessians(graph, {layer}, batches)[0];
  EXPECT_EQ(to_string(hessian.shape), "[32, 32]");
  const Array w(DType::f32, {16, 32}, layer.node->inputs[1].node().values[0]);
  for (const int64_t block : {0, 16}) {
    const WeightOptions options{.dtype = DType::i4, .block = block};
    const WeightView view = weight_view(*layer.node);
    const auto decibel = [&](const QuantizedWeights& q) {
      std::vector<Tensor> inputs = layer.node->inputs;
      inputs[1] = q.dequantized();
      SignalToNoise ratio;
      for_each_batch(graph, {Tensor(layer.node, 0), Tensor(with_inputs(*layer.node, inputs), 0)},
                     batches, [&](const std::vector<Array>& a) { ratio.add(a[0], a[1]); });
      return ratio.decibel();
    };
    const double nearest = decibel(quantize_weights(w, view, options));
    EXPECT_GT(decibel(gptq(w, view, hessian, options)), nearest + 3) << block;
  }
}

// Where inputs are independent there is nothing to make good.
TEST(Gptq, IsRoundingToNearestForADiagonalHessian) {
  const Array w = normal_array({4, 6}, 9);
  Array diagonal(DType::f32, {6, 6});
  for (int64_t i = 0; i < 36; ++i) diagonal.as<float>()[i] = i % 7 == 0 ? 2.0f : 0.0f;
  const Tensor y = matmul(Tensor::from(normal_array({1, 6}, 1)), Tensor::from(w), false, true);
  const WeightView view = weight_view(y.node());
  const WeightOptions options{.dtype = DType::i4, .block = 3};
  EXPECT_EQ(gptq(w, view, diagonal, options).q.to_vector<int>(),
            quantize_weights(w, view, options).q.to_vector<int>());
}

}  // namespace
}  // namespace suan::compress
