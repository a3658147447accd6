// Quantizing whole models: what the graph looks like, how much it loses, what is reported.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/quantize_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "suan/models/create.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pool.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/tensor/trace_function.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"

namespace suan::compress {
namespace {

Graph traced(const std::string& name, const models::Config& config, const Shape& shape) {
  const auto model = models::create(name, config);
  model->module().states();
  model->module().eval();
  const auto run = [&](const std::vector<Tensor>& a) { return std::vector{(*model)(a)}; };
  return trace_function(run, {Type(DType::f32, shape)}).graph;
}

Graph small_net() {
  return graph_of({8, 3, 8, 8}, [](const Tensor& x) {
    const Tensor a = relu(max_pool2d(conv_of(x, 8, 1), 2));
    const Tensor b = relu(conv_of(a, 8, 3) + a);
    return linear_of(linear_of(flatten(b), 16, 5), 10, 7);
  });
}

TEST(QuantizeModel, LosesLittleInEightBits) {
  const Reproducible reproducible;
  const Graph graph = small_net();
  const auto batches = normal_batches(graph, 16);
  for (const Scheme& scheme : {kCpuScheme, kGpuScheme}) {
    const QuantizedModel model = quantize_model(graph, batches, {.scheme = scheme});
    EXPECT_GT(output_error(model.original, model.graph, batches), 30);
    ASSERT_EQ(model.layers.size(), 4U);
    for (const LayerReport& layer : model.layers) EXPECT_GT(layer.own, 30) << layer.name;
  }
}

TEST(QuantizeModel, WritesIntegersAroundEveryLayer) {
  const Reproducible reproducible;
  const Graph graph = small_net();
  const QuantizedModel model = quantize_model(graph, normal_batches(graph, 16));
  for (const Op op : {Op::conv, Op::matmul}) {
    for (const NodePtr& node : nodes_of(model.graph, op)) {
      const Node& x = node->inputs[0].node();
      ASSERT_TRUE(is(x, Op::dequantize));
      ASSERT_TRUE(is(x.inputs[0].node(), Op::quantize));
      EXPECT_TRUE(is(x.inputs[1].node(), Op::full));
      EXPECT_EQ(x.inputs[1].rank(), 0);
      const Node& w = node->inputs[1].node();
      ASSERT_TRUE(is(w, Op::dequantize));
      EXPECT_TRUE(is(w.inputs[0].node(), Op::constant));
      EXPECT_EQ(w.inputs[0].dtype(), DType::i8);
    }
  }
  const auto convs = nodes_of(model.graph, Op::conv), matmuls = nodes_of(model.graph, Op::matmul);
  const auto input_dtype = [](const NodePtr& n) { return n->inputs[0].node().inputs[0].dtype(); };
  const auto zero = [](const NodePtr& n) {
    return static_cast<bool>(n->inputs[0].node().inputs.back());
  };
  EXPECT_EQ(input_dtype(convs[0]), DType::i8);  // x has both signs
  EXPECT_EQ(input_dtype(convs[1]), DType::u8);
  EXPECT_FALSE(zero(convs[0]));
  EXPECT_EQ(input_dtype(matmuls[0]), DType::u8);
  EXPECT_FALSE(zero(matmuls[0]));  // after relu
  EXPECT_EQ(input_dtype(matmuls[1]), DType::u8);
  EXPECT_TRUE(zero(matmuls[1]));
  // Pooling lies between integers of one scale.
  const NodePtr pool = nodes_of(model.graph, Op::max_pool)[0];
  const Node& before = pool->inputs[0].node();
  const Node& after = convs[1]->inputs[0].node();
  EXPECT_EQ(before.inputs[1].node().attr<FullAttrs>().value,
            after.inputs[1].node().attr<FullAttrs>().value);
  EXPECT_TRUE(after.inputs[0].node().inputs[0].same_as({pool, 0}));
}

TEST(QuantizeModel, OfAGpuIsSigned) {
  const Reproducible reproducible;
  const Graph graph = small_net();
  const QuantizedModel model =
      quantize_model(graph, normal_batches(graph, 16), {.scheme = kGpuScheme});
  for (const NodePtr& q : nodes_of(model.graph, Op::quantize)) {
    EXPECT_EQ(q->types[0].dtype, DType::i8);
  }
}

// Between convolutions every tensor is read as integers alone.
TEST(QuantizeModel, KeepsAResidualNetworkInIntegers) {
  const Reproducible reproducible;
  for (const char* shortcut : {"a", "b"}) {
    const Graph graph = traced("resnet20", {{"depth", "8"}, {"width", "4"}, {"shortcut", shortcut}},
                               {2, 3, 16, 16});
    const QuantizedModel model = quantize_model(graph, normal_batches(graph, 2));
    EXPECT_TRUE(nodes_of(model.graph, Op::mul).size() <= 1);  // of the mean: batch norm is folded
    for (const NodePtr& node : model.graph.nodes()) {
      if (is(*node, Op::quantize) || is(*node, Op::relu) || is(*node, Op::sum)) continue;
      for (const Tensor& t : node->inputs) {
        if (!t || t.rank() != 4 || is(t.node(), Op::constant)) continue;
        const bool sum = is(*node, Op::add) && is(t.node(), Op::conv);
        EXPECT_TRUE(sum || is(t.node(), Op::dequantize) || is(*node, Op::dequantize))
            << node->op->name << " reads " << t.node().op->name;
      }
    }
  }
}

TEST(QuantizeModel, NamesLayersAfterTheirWeights) {
  const Reproducible reproducible;
  const Graph graph = traced("lenet", {{"filters", "[2, 4]"}}, {4, 1, 28, 28});
  const QuantizedModel model =
      quantize_model(graph, normal_batches(graph, 32), {.skip = {"conv1"}});
  std::vector<std::string> names;
  for (const LayerReport& layer : model.layers) names.push_back(layer.name);
  EXPECT_THAT(names, testing::ElementsAre("conv1", "conv2", "fc1", "fc2"));
  EXPECT_EQ(model.layers[0].reason, "left out on request");
  EXPECT_EQ(model.layers[0].scheme, "f32");
  EXPECT_TRUE(std::isinf(model.layers[0].own));
  EXPECT_EQ(model.layers[1].scheme, "u8 x i8");
  EXPECT_EQ(model.layers[1].macs, 4.0 * 4 * 14 * 14 * 2 * 9);
  EXPECT_GT(model.layers[1].range.high, 0);
  EXPECT_THAT(to_text(model.layers), testing::HasSubstr("left out on request"));
}

TEST(QuantizeModel, WeightsAloneKeepActivations) {
  const Reproducible reproducible;
  const Graph graph = small_net();
  const auto batches = normal_batches(graph, 16);
  const auto loss = [&](const QuantizeOptions& options) {
    const QuantizedModel model = quantize_model(graph, batches, options);
    EXPECT_TRUE(nodes_of(model.graph, Op::quantize).empty());
    EXPECT_EQ(nodes_of(model.graph, Op::dequantize).size(), 2U);
    EXPECT_EQ(model.layers[0].reason, "not a linear layer");
    return output_error(model.original, model.graph, batches);
  };
  const double eight = loss({.kind = QuantizeKind::int8w});
  const double four = loss({.kind = QuantizeKind::int4w, .block = 32});
  const double shifted = loss({.kind = QuantizeKind::int4w, .block = 32, .zero_points = true});
  const double best = loss({.kind = QuantizeKind::int4w, .block = 32, .rounding = Rounding::gptq});
  EXPECT_GT(eight, 40);
  EXPECT_GT(four, 15);
  EXPECT_GT(shifted, 15);
  EXPECT_LT(four, eight);
  EXPECT_GT(best, four);
}

TEST(QuantizeModel, TiedEmbeddingsAreQuantizedOnRequest) {
  const Reproducible reproducible;
  Graph graph;
  graph.inputs = {make_input(Type(DType::i64, {4, 6}), "tokens")};
  const Tensor table = normal_constant({12, 32}, 1);
  graph.outputs = {linear(linear_of(gather(table, graph.inputs[0], 0), 32, 2), table)};
  Array tokens(DType::i64, {4, 6});
  for (int64_t i = 0; i < 24; ++i) tokens.as<int64_t>()[i] = i % 12;
  const std::vector<Batch> batches(40, Batch{tokens});
  QuantizeOptions options{.kind = QuantizeKind::int4w, .block = 32};
  QuantizedModel model = quantize_model(graph, batches, options);
  EXPECT_EQ(model.layers[1].reason, "its weights are an embedding too");
  EXPECT_EQ(nodes_of(model.graph, Op::dequantize).size(), 1U);
  options.embedding = true;
  model = quantize_model(graph, batches, options);
  EXPECT_EQ(model.layers[1].reason, "");
  const Tensor read = nodes_of(model.graph, Op::gather)[0]->inputs[0];
  EXPECT_TRUE(is(read.node(), Op::dequantize));
  EXPECT_TRUE(read.same_as(nodes_of(model.graph, Op::matmul)[1]->inputs[1]));
}

TEST(QuantizeModel, RefusesModelsWithoutLayers) {
  const Graph nothing = graph_of({2, 3}, [](const Tensor& x) { return relu(x); });
  EXPECT_ERROR(quantize_model(nothing, normal_batches(nothing, 1)), kInvalidArgument,
               "quantize: the model has no convolution and no product");
  const Graph scores = graph_of({2, 3}, [](const Tensor& x) { return matmul(x, x, false, true); });
  EXPECT_ERROR(quantize_model(scores, normal_batches(scores, 1)), kInvalidArgument,
               "quantize: none of the 1 layers can be quantized; 'matmul': both operands vary");
}

}  // namespace
TEST(QuantizeModel, LayersThatShareWeightsShareTheirIntegers) {
  const Reproducible reproducible;
  const Graph graph = graph_of({4, 16}, [](const Tensor& x) {
    const Tensor w = normal_constant({16, 16}, 1, 0.3f);
    return matmul(tanh(matmul(x, w)), w);
  });
  const QuantizedModel model = quantize_model(graph, normal_batches(graph, 8));
  const auto products = nodes_of(model.graph, Op::matmul);
  ASSERT_EQ(products.size(), 2u);
  EXPECT_TRUE(products[0]->inputs[1].same_as(products[1]->inputs[1]));
}

}  // namespace suan::compress
