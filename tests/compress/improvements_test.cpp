// What makes quantization lose less: graphs that compute the same with other weights, and biases
// that take back a shift.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/compress/bias_correction.h"
#include "suan/compress/channel_scales.h"
#include "suan/compress/equalize.h"
#include "suan/compress/preparation.h"
#include "suan/compress/quantize_model.h"
#include "suan/compress/smooth.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/pool.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"

namespace suan::compress {
namespace {

Tensor relu6(const Tensor& x) { return minimum(relu(x), 6.0); }

// Weights whose output channels differ in size by up to 2^6, and inputs of the next layer that make
// up for it.
Tensor uneven_weights(const Shape& shape, uint64_t seed, int axis, int sign) {
  Array w = normal_array(shape, seed, 0.3f);
  int64_t inner = 1;
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  for (int64_t i = 0; i < w.numel(); ++i) {
    const auto channel = static_cast<int>(i / inner % shape[axis]);
    w.as<float>()[i] *= std::exp2(static_cast<float>(sign * (channel % 7 - 3)));
  }
  return Tensor::from(w);
}

Graph uneven_net() {
  return graph_of({4, 3, 8, 8}, [](const Tensor& x) {
    const ConvAttrs same{.pad_begin = {1, 1}, .pad_end = {1, 1}};
    ConvAttrs depthwise = same;
    depthwise.groups = 8;
    const Tensor a =
        relu6(conv(x, uneven_weights({8, 3, 3, 3}, 1, 0, 1), normal_constant({8}, 2), same));
    const Tensor b = relu(max_pool2d(
        conv(a, uneven_weights({8, 1, 3, 3}, 3, 0, -1), normal_constant({8}, 4), depthwise), 2));
    return mean(conv(b, uneven_weights({6, 8, 3, 3}, 5, 1, -1), {}, same), {2, 3});
  });
}

TEST(Equalize, ComputesTheSame) {
  const Reproducible reproducible;
  const Graph graph = uneven_net(), equal = equalize(graph);
  EXPECT_GT(output_error(graph, equal, normal_batches(graph, 4)), 100);
  const auto before = nodes_of(graph, Op::conv), after = nodes_of(equal, Op::conv);
  ASSERT_EQ(after.size(), 3U);
  const auto spread = [](const NodePtr& layer) {
    const Array w(DType::f32, layer->inputs[1].shape(), layer->inputs[1].node().values[0]);
    const auto sizes = magnitudes(w, output_channels(*layer));
    return *std::ranges::max_element(sizes) / *std::ranges::min_element(sizes);
  };
  EXPECT_GT(spread(before[0]), 30);
  EXPECT_LT(spread(after[0]), 8);
}

TEST(Equalize, SharesRangesBetweenProducts) {
  const Reproducible reproducible;
  const Graph graph = graph_of({8, 16}, [](const Tensor& x) {
    const Tensor a = relu(linear(x, uneven_weights({16, 16}, 1, 0, 1), normal_constant({16}, 2)));
    return matmul(a, uneven_weights({16, 4}, 3, 0, -1));
  });
  const Graph equal = equalize(graph);
  const auto batches = normal_batches(graph, 16);
  EXPECT_GT(output_error(graph, equal, batches), 100);
  // Here a scale for each output channel does not help the second layer: it is its inputs that
  // differ.
  const auto loss = [&](bool equalized) {
    const QuantizedModel model = quantize_model(graph, batches, {.equalize = equalized});
    return output_error(model.original, model.graph, batches);
  };
  EXPECT_GT(loss(true), loss(false) + 3);
}

TEST(Equalize, LeavesAloneWhatOthersRead) {
  const Graph graph = graph_of({1, 4, 8, 8}, [](const Tensor& x) {
    const Tensor a = relu(conv_of(x, 4, 1));
    return conv_of(a, 4, 3) + a;
  });
  EXPECT_EQ(structure_key(equalize(graph)), structure_key(graph));
  const auto before = nodes_of(graph, Op::conv), after = nodes_of(equalize(graph), Op::conv);
  EXPECT_TRUE(after[0]->inputs[1].same_as(before[0]->inputs[1]));
}

// Two of 32 channels are a hundred times as large.
Graph with_outliers() {
  Array scale = normal_array({32}, 1, 0.1f, 1);
  scale.as<float>()[3] = scale.as<float>()[20] = 100;
  return graph_of({4, 6, 32}, [&](const Tensor& x) {
    const Tensor y = layer_norm(x, Tensor::from(scale), normal_constant({32}, 2, 0.1f));
    const Tensor q = linear_of(y, 16, 3), v = linear_of(y, 16, 5);
    return q * v;
  });
}

TEST(Smooth, MovesOutliersIntoWeights) {
  const Reproducible reproducible;
  const Graph graph = with_outliers();
  const auto batches = normal_batches(graph, 32);
  auto sites = smooth_sites(graph, batches);
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].layers.size(), 2u);
  sites[0].alpha = 0.5;
  const Graph even = smooth(graph, sites);
  EXPECT_GT(output_error(graph, even, batches), 100);
  EXPECT_EQ(nodes_of(even, Op::mul).size(), 1u);  // the norm takes the factors
  const auto loss = [&](double alpha) {
    const QuantizedModel model = quantize_model(graph, batches, {.smooth = alpha});
    return model.layers[0].own;
  };
  EXPECT_GT(loss(0.5), loss(0) + 1);
}

TEST(Smooth, RefusesOtherShares) {
  const Graph graph = with_outliers();
  auto sites = smooth_sites(graph, normal_batches(graph, 8));
  sites[0].alpha = 1;
  EXPECT_ERROR(smooth(graph, sites), kInvalidArgument,
               "smooth: alpha is 1, expected from 0 to below 1");
}

// What reads the norm beside linear layers keeps it as it is.
TEST(Smooth, DividesInFrontOfLayersWhereOthersReadTheValueToo) {
  const Reproducible reproducible;
  Array scale = normal_array({32}, 1, 0.1f, 1);
  scale.as<float>()[3] = scale.as<float>()[20] = 100;
  const Graph graph = graph_of({4, 6, 32}, [&](const Tensor& x) {
    const Tensor y = layer_norm(x, Tensor::from(scale), normal_constant({32}, 2, 0.1f));
    return y + linear_of(gelu(linear_of(y, 16, 3)), 32, 5);
  });
  const auto batches = normal_batches(graph, 32);
  auto sites = smooth_sites(graph, batches);
  ASSERT_EQ(sites.size(), 2u);  // gelu's result is one too
  for (SmoothSite& site : sites) site.alpha = 0.5;
  const Graph even = smooth(graph, sites);
  EXPECT_GT(output_error(graph, even, batches), 100);
  EXPECT_EQ(nodes_of(even, Op::mul).size(), nodes_of(graph, Op::mul).size() + 2);
  const auto loss = [&](double alpha) { return quantize_model(graph, batches, {.smooth = alpha}); };
  const QuantizedModel smoothed = loss(0.5);
  EXPECT_GT(smoothed.layers[0].own, loss(0).layers[0].own + 1);
  // The norm's factors are part of the integers' scales; gelu takes its own along.
  const auto integers = nodes_of(smoothed.graph, Op::quantize);
  ASSERT_EQ(integers.size(), 2u);
  EXPECT_EQ(integers[0]->inputs[1].shape(), Shape({32}));
  EXPECT_EQ(integers[1]->inputs[1].rank(), 0);
  EXPECT_EQ(nodes_of(smoothed.graph, Op::mul).size(), nodes_of(graph, Op::mul).size() + 1);
}

TEST(Preparation, TakesWhatLosesLeast) {
  const Reproducible reproducible;
  const Graph graph = with_outliers();
  const auto batches = normal_batches(graph, 32);
  const Preparation best = best_preparation(graph, batches, kCpuScheme, {});
  ASSERT_EQ(best.sites.size(), 1u);
  EXPECT_GT(best.sites[0].alpha, 0);
  const Graph plain = graph_of({4, 6, 32}, [&](const Tensor& x) { return linear_of(x, 16, 3); });
  for (const SmoothSite& site :
       best_preparation(plain, normal_batches(plain, 32), kCpuScheme, {}).sites) {
    EXPECT_EQ(site.alpha, 0);
  }
}

TEST(BiasCorrection, TakesBackTheMeanError) {
  const Reproducible reproducible;
  const Graph graph = graph_of({16, 3, 8, 8}, [](const Tensor& x) {
    const Tensor y = conv(abs(x), normal_constant({4, 3, 3, 3}, 1));  // no bias yet
    const Tensor z = linear_of(mean(y, {2, 3}), 8, 3);
    return matmul(relu(z), normal_constant({8, 4}, 5));
  });
  const auto batches = normal_batches(graph, 8);
  for (const bool corrected : {false, true}) {
    const QuantizedModel model = quantize_model(graph, batches, {.bias_correction = corrected});
    std::vector<Tensor> errors;
    for (const ComparedLayer& layer : compare_layers(model.original, model.graph)) {
      const bool conv = layer.original.rank() == 4;
      errors.push_back(mean(layer.original - layer.own,
                            conv ? std::vector<int64_t>{0, 2, 3} : std::vector<int64_t>{0}));
    }
    ASSERT_EQ(errors.size(), 3U);
    double sum = 0;
    for_each_batch(model.original, {errors[0]}, batches, [&](const std::vector<Array>& arrays) {
      for (const float v : arrays[0].span<float>()) sum += v;
    });
    EXPECT_EQ(std::abs(sum) < 1e-4, corrected) << sum;
  }
}

}  // namespace
}  // namespace suan::compress
