// Channel pruning in a training: a smaller model that runs, goes on and is loaded as such.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/prune_channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suan/nn/linear.h"
#include "suan/ops/shape_ops.h"
#include "suan/train/inference.h"
#include "suan/train/task.h"
#include "suan/train/trainer.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::compress {
namespace {

train::Recipe small_recipe(const std::vector<std::string>& settings = {},
                           const std::string& technique = "") {
  const std::string text = R"(
name = "small"
model = {name = "lenet", filters = [8, 16], hidden = 24}
data = {kind = "digits", train_samples = 300, test_samples = 60, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.005}
train = {epochs = 4, batch = 30, eval_batch = 30, threads = 1}
)" + (technique.empty() ? "" : "technique = [{kind = 'prune_channels'" + technique + "}]\n");
  return train::parse_recipe(text, "small.toml", settings);
}

double eval_flops(train::Trainer& trainer) {
  trainer.test(nullptr);
  return trainer.learner().eval_flops();
}

TEST(PruneChannels, HalvesTheOperationsOfATrainedModel) {
  const TempFolder folder;
  const train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  train::Trainer whole(small_recipe(), options);
  const double accuracy = *whole.run().accuracy;
  for (const char* importance : {"taylor", "norm"}) {
    const train::Recipe recipe =
        small_recipe({"train.from=" + whole.folder().path(), "train.epochs=2"},
                     fmt::format(", flops = 0.5, importance = '{}', samples = 90", importance));
    train::Trainer pruned(recipe, options);
    EXPECT_LT(pruned.learner().model().module().parameter_count(),
              whole.learner().model().module().parameter_count());
    const train::TrainSummary summary = pruned.run();
    EXPECT_GT(*summary.accuracy, accuracy - 0.1);
    EXPECT_GT(accuracy, 0.5);
    const double left = eval_flops(pruned) / eval_flops(whole);
    EXPECT_LT(left, 0.52);  // pooling and relu, which count here too, have the share of channels
    EXPECT_GT(left, 0.38);  // a channel of the first layer is an eighth of all

    train::LoadedRun loaded(pruned.folder());
    EXPECT_EQ(loaded.evaluate(loaded.recipe()).loss, summary.loss);
    const Graph graph = loaded.learner().eval_graph(loaded.input_type(1));
    EXPECT_EQ(graph.outputs[0].shape(), (Shape{1, 10}));
  }
}

TEST(PruneChannels, GoesOnToTheSameBytes) {
  const TempFolder folder;
  train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  const train::Recipe recipe = small_recipe({}, ", flops = 0.4, importance = 'norm'");
  train::Trainer whole(recipe, options);
  const std::string expected = read_file(train::RunFolder::open(whole.run().run).last());
  options.until_epoch = 2;
  auto first = std::make_unique<train::Trainer>(recipe, options);
  const std::string path = first->folder().path();
  EXPECT_THROW(first->run(), Error);
  first.reset();
  options.until_epoch = 0;
  train::Trainer(train::RunFolder::open(path), options).run();
  EXPECT_TRUE(read_file(train::RunFolder::open(path).last()) == expected);
}

// Behind other techniques, and done in a run that begins with a pruned one.
TEST(PruneChannels, IsDoneOnceAndWorksWithMasks) {
  const TempFolder folder;
  const train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  const std::string channels = "', flops = 0.5, importance = 'norm'";
  train::Trainer first(small_recipe({}, channels.substr(1)), options);
  first.run();
  const auto count = [](train::Trainer& trainer) {
    return trainer.learner().model().module().parameter_count();
  };
  const std::vector<std::string> more{"train.from=" + first.folder().path(), "train.epochs=1",
                                      "technique.1.kind=prune", "technique.1.sparsity=0.5"};
  train::Trainer second(small_recipe(more, channels.substr(1)), options);
  EXPECT_EQ(count(second), count(first));
  second.run();
  train::LoadedRun loaded(second.folder());
  EXPECT_EQ(loaded.learner().model().module().parameter_count(), count(first));
}

TEST(PruneChannels, TakesNoCheckpointOfALargerModel) {
  nn::Linear layer(4, 3);
  shrink_to(layer, {{"weight", {2, 3}}, {"bias", {2}}});
  EXPECT_EQ(layer.weight->type().shape, (Shape{2, 3}));
  EXPECT_EQ(layer.bias->type().shape, (Shape{2}));
  EXPECT_ERROR(shrink_to(layer, {{"weight", {2, 4}}}), kInvalidArgument,
               "prune_channels: the checkpoint's 'weight' is [2, 4], expected no more than [2, 3]");
  EXPECT_ERROR(shrink_to(layer, {{"weight", {6}}}), kInvalidArgument,
               "prune_channels: the checkpoint's 'weight' is [6], expected no more than [2, 3]");
}

TEST(PruneChannels, RefusesOptionsThatDoNotFit) {
  const auto made = [](const std::string& technique) {
    const TempFolder folder;
    train::Trainer(small_recipe({}, technique), {.runs = folder / "runs", .quiet = true});
  };
  const std::string what = "technique.prune_channels: ";
  EXPECT_ERROR(made(", flops = 1.5"), kInvalidArgument,
               what + "flops is 1.5, expected a share between 0 and 1");
  EXPECT_ERROR(made(", multiple = 0"), kInvalidArgument,
               what + "multiple is 0, expected 1 or more");
  EXPECT_ERROR(made(", floor = 1.0"), kInvalidArgument,
               what + "floor is 1, expected a share from 0 to below 1");
  EXPECT_ERROR(made(", samples = 0"), kInvalidArgument, what + "samples is 0, expected 1 or more");
  EXPECT_ERROR(
      made(", importance = 'size'"), kInvalidArgument,
      "small.toml:7: technique.prune_channels.importance is 'size', expected norm, taylor");
  EXPECT_ERROR(made(", flops = 0.01"), kInvalidArgument,
               "prune_channels: flops is 0.01, but 0.036 is the least that can be left of this "
               "model");
}

// Its code has the number of hidden channels written down.
TEST(PruneChannels, ExplainsCodeThatDoesNotFollow) {
  train::Recipe recipe = small_recipe();
  const auto technique = train::make_technique({"prune_channels", {}});
  struct Stiff : models::Model, nn::Module {
    nn::Linear a{784, 8}, b{8, 10};
    SUAN_MEMBERS(a, b)
    nn::Module& module() override { return *this; }
    Tensor operator()(const std::vector<Tensor>& x) override {
      return b(reshape(a(flatten(x[0])), {x[0].shape()[0], 8}));
    }
  };
  const train::Task task = train::make_task(recipe);
  EXPECT_ERROR(technique->applied(std::make_unique<Stiff>(), {recipe, task}), kInvalidArgument,
               "prune_channels: the model's code does not follow the shapes of its weights: "
               "reshape: [64, 4] has 256 elements, [64, 8] has 512");
}

}  // namespace
}  // namespace suan::compress
