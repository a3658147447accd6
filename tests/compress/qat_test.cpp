// Training with rounded weights and activations: the same graph is trained, evaluated, resumed and
// turned into integers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/qat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suan/base/file.h"
#include "suan/compress/layer_errors.h"
#include "suan/ops/reduce.h"
#include "suan/tensor/compile.h"
#include "suan/tensor/trace_function.h"
#include "suan/train/inference.h"
#include "suan/train/trainer.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"
#include "tests/temp_folder.h"

namespace suan::compress {
namespace {

std::unique_ptr<models::Model> residual_model() {
  auto model = models::create("resnet20", {{"depth", "8"}, {"width", "4"}});
  model->module().states();
  return model;
}
std::vector<Batch> images(int count) {
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i) {
    batches.push_back({normal_array({4, 3, 16, 16}, 10 + static_cast<uint64_t>(i))});
  }
  return batches;
}
Graph traced(models::Model& model, int64_t batch) {
  const auto run = [&](const std::vector<Tensor>& a) { return std::vector{model(a)}; };
  return trace_function(run, {Type(DType::f32, {batch, 3, 16, 16})}).graph;
}

TEST(Qat, ComputesWhatTheIntegersOfItsGraphDo) {
  const Reproducible reproducible;
  const auto batches = images(32);
  const auto model = quantized_for_training(residual_model(), std::span(batches), {});
  const Graph trained = traced(*model, 4), served = inference_graph(trained).graph;
  const auto convs = nodes_of(served, Op::conv);
  ASSERT_EQ(convs.size(), 7U);
  for (const NodePtr& node : convs) {
    ASSERT_TRUE(is(node->inputs[1].node(), Op::dequantize));
    const Tensor& q = node->inputs[1].node().inputs[0];
    EXPECT_TRUE(is(q.node(), Op::constant));
    EXPECT_EQ(q.dtype(), DType::i8);
    EXPECT_EQ(node->inputs[0].node().inputs[0].dtype(), node == convs[0] ? DType::i8 : DType::u8);
  }
  EXPECT_TRUE(nodes_of(served, Op::straight_through).empty());
  EXPECT_GT(output_error(trained, served, images(4)), 60);
}

TEST(Qat, TakesAnyBatchSize) {
  const Reproducible reproducible;
  const auto batches = images(32);
  const auto model = quantized_for_training(residual_model(), std::span(batches), {});
  const Array x = normal_array({4, 3, 16, 16}, 1);
  Array first(DType::f32, {1, 3, 16, 16});
  std::copy_n(x.as<float>(), first.numel(), first.as<float>());
  const Array four = (*model)({Tensor::from(x)}).array();
  const Array one = (*model)({Tensor::from(first)}).array();
  for (int i = 0; i < 10; ++i) EXPECT_NEAR(one.as<float>()[i], four.as<float>()[i], 1e-4);
}

TEST(Qat, LearnsInRoundedWeights) {
  const Reproducible reproducible;
  const auto batches = images(32);
  const auto model = quantized_for_training(residual_model(), std::span(batches), {});
  const auto parameters = model->module().parameters();
  EXPECT_EQ(parameters[0]->name(), "quantized.conv1.weight");
  EXPECT_EQ(parameters.size(), 16U);  // weights and biases of 8 layers
  const auto loss = [&](const Tensor& x) { return mean(square((*model)({x}) - 1.0)); };
  auto step = compile([&](const Tensor& x) {
    const Tensor value = loss(x);
    const std::vector<Tensor> grads = grad(value, parameters);
    for (size_t i = 0; i < grads.size(); ++i) {
      parameters[i]->assign(parameters[i]->read() - grads[i] * 0.01);
    }
    return value;
  });
  const Array x = batches[0][0];
  const double before = step(x).item();
  for (int i = 0; i < 20; ++i) step(x);
  EXPECT_LT(step(x).item(), 0.8 * before);
}

TEST(Qat, RefusesWhatAGraphCannotTrain) {
  auto model = models::create("mlp", {{"sizes", "[4, 1]"}});
  model->module().states();
  const std::vector<Batch> batches{{normal_array({2, 4}, 1)}};
  EXPECT_ERROR(quantized_for_training(std::move(model), std::span(batches), {}), kInvalidArgument,
               "quantize: 'layers.0.bias' has one element, which a graph cannot train");
  EXPECT_ERROR(quantized_for_training(residual_model(), std::span<const Batch>(), {}),
               kInvalidArgument, "calibration: there is no data, expected at least one batch");
}

train::Recipe recipe(const std::vector<std::string>& settings, const std::string& more = "") {
  return train::parse_recipe(R"(
name = "qat"
model = {name = "lenet", filters = [2, 4], hidden = 16}
data = {kind = "digits", train_samples = 200, test_samples = 100, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.01}
train = {epochs = 2, batch = 20, eval_batch = 30, threads = 1}
)" + more,
                             "qat.toml", settings);
}
const char* kQuantize = R"(
[[technique]]
kind = "quantize"
samples = 100
calibrator = "percentile"
percent = 99.9
)";

TEST(Qat, GoesOnFromARunAndIsResumedToTheByte) {
  const Reproducible reproducible;
  const TempFolder folder;
  train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  train::Trainer floats(recipe({}), options);
  floats.run();
  const train::Recipe second = recipe({"train.from=" + floats.folder().path()}, kQuantize);
  std::string last[2];
  for (const bool stops : {false, true}) {
    options.until_epoch = stops ? 1 : 0;
    auto trainer = std::make_unique<train::Trainer>(second, options);
    const std::string path = trainer->folder().path();
    if (stops) {
      EXPECT_THROW(trainer->run(), Error);
      options.until_epoch = 0;
      trainer = std::make_unique<train::Trainer>(train::RunFolder::open(path), options);
    }
    trainer->run();
    last[stops] = read_file(train::RunFolder::open(path).last());
    train::LoadedRun run(train::RunFolder::open(path));
    EXPECT_GT(run.evaluate(second).accuracy, 0.3);
    const Graph served = inference_graph(run.learner().eval_graph(run.input_type(5))).graph;
    for (const NodePtr& node : nodes_of(served, Op::conv)) {
      EXPECT_TRUE(is(node->inputs[1].node(), Op::dequantize));
    }
  }
  EXPECT_EQ(last[0], last[1]);
}

TEST(Qat, RefusesOptionsThatAreNone) {
  const auto make = [](const std::string& line) {
    const train::Recipe r = recipe({}, "[[technique]]\nkind = \"quantize\"\n" + line);
    return train::make_technique(r.techniques[0]);
  };
  EXPECT_ERROR(make("samples = 0"), kInvalidArgument,
               "technique.quantize: samples is 0, expected 1 or more");
  EXPECT_ERROR(make("calibrator = \"kl\""), kInvalidArgument,
               "qat.toml:9: technique.quantize.calibrator is 'kl', expected minmax, percentile, "
               "entropy, mse, best");
  EXPECT_ERROR(make("calibrator = 3"), kInvalidArgument,
               "qat.toml:9: technique.quantize.calibrator is '3', expected minmax, percentile, "
               "entropy, mse, best");
  EXPECT_ERROR(make("sample = 3"), kInvalidArgument,
               "qat.toml:9: technique.quantize: there is no option 'sample', did you mean "
               "'samples'?");
  EXPECT_NE(make("skip = \"conv1, fc2\"\nsymmetric = true"), nullptr);
}

}  // namespace
}  // namespace suan::compress
