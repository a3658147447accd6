// Pruning in a training: schedules, masks that stay, and runs that go on where they stopped.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/prune.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/ops/elementwise.h"
#include "suan/tensor/compile.h"
#include "suan/train/checkpoint.h"
#include "suan/train/inference.h"
#include "suan/train/task.h"
#include "suan/train/trainer.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::compress {
namespace {

using train::Recipe;

Recipe pruned_recipe(const std::string& technique, const std::vector<std::string>& settings = {}) {
  const std::string text = R"(
name = "pruned"
model = {name = "mlp", sizes = [784, 16, 12, 10]}
data = {kind = "digits", train_samples = 100, test_samples = 40, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.01}
train = {epochs = 8, batch = 20, eval_batch = 40, threads = 1}
technique = [{kind = "prune", every = 3, )" +
                           technique + "}]\n";
  return train::parse_recipe(text, "pruned.toml", settings);
}

struct Counts {
  int64_t zeros = 0, all = 0;
};
Counts counts(const StatePtr& state) {
  const Array array = state->array();
  const auto values = array.span<float>();
  return {std::ranges::count(values, 0.0F), static_cast<int64_t>(values.size())};
}

// By weight matrix; masks must be where the zeros are.
std::vector<Counts> zeros_of(train::Learner& learner) {
  std::vector<Counts> out;
  for (const auto& [name, state] : learner.states()) {
    if (!name.starts_with("prune.mask.")) continue;
    const std::string weight = name.substr(std::string("prune.mask.").size());
    const auto found = std::ranges::find(learner.states(), weight, &nn::NamedState::name);
    EXPECT_NE(found, learner.states().end()) << weight;
    const Array mask = state->array(), values = found->state->array();
    for (int64_t i = 0; i < mask.shape.numel(); ++i) {
      EXPECT_EQ(mask.as<bool>()[i], values.as<float>()[i] != 0) << weight << " " << i;
    }
    out.push_back(counts(found->state));
  }
  return out;
}

TEST(Prune, FollowsTheCubicSchedule) {
  EXPECT_EQ(pruned_share(0.1, 0.2, 0.7), 0);
  EXPECT_EQ(pruned_share(0.2, 0.2, 0.7), 0);
  EXPECT_DOUBLE_EQ(pruned_share(0.45, 0.2, 0.7), 1 - 0.125);
  EXPECT_EQ(pruned_share(0.7, 0.2, 0.7), 1);
  EXPECT_EQ(pruned_share(0.9, 0.2, 0.7), 1);
}

TEST(Prune, EndsWithExactlyTheSparsity) {
  for (const char* method : {"magnitude", "movement"}) {
    for (const char* scope : {"global", "layer"}) {
      for (const double end : {0.5, 1.0}) {
        const TempFolder folder;
        train::Trainer trainer(
            pruned_recipe(fmt::format("method = '{}', scope = '{}', sparsity = 0.9, end = {:.1f}",
                                      method, scope, end)),
            {.runs = folder / "runs", .quiet = true});
        trainer.run();
        const std::vector<Counts> layers = zeros_of(trainer.learner());
        ASSERT_EQ(layers.size(), 3U);
        Counts sum, rounded;
        for (const Counts& c : layers) {
          sum = {sum.zeros + c.zeros, sum.all + c.all};
          rounded.zeros += std::lround(0.9 * static_cast<double>(c.all));
          if (scope == std::string("layer")) {
            EXPECT_EQ(c.zeros, std::lround(0.9 * static_cast<double>(c.all)));
          }
        }
        const bool global = scope == std::string("global");
        const auto wanted = std::lround(0.9 * static_cast<double>(sum.all));
        EXPECT_EQ(sum.zeros, global ? wanted : rounded.zeros);
      }
    }
  }
}

TEST(Prune, MakesBlocksAndTwoOfFour) {
  const TempFolder folder;
  train::Trainer semi(pruned_recipe("pattern = '2:4'"), {.runs = folder / "runs", .quiet = true});
  semi.run();
  for (const Counts& c : zeros_of(semi.learner())) EXPECT_EQ(c.zeros * 2, c.all);
  train::Trainer block(pruned_recipe("pattern = 'block', block_rows = 2, block_columns = 4, "
                                     "sparsity = 0.75"),
                       {.runs = folder / "runs", .quiet = true});
  block.run();
  int64_t zeros = 0, all = 0;
  for (const Counts& c : zeros_of(block.learner())) {
    EXPECT_EQ(c.zeros % 8, 0);
    zeros += c.zeros;
    all += c.all;
  }
  const int64_t blocks = all / 8;
  EXPECT_EQ(zeros, std::lround(0.75 * static_cast<double>(blocks)) * 8);
}

std::string run_in_parts(const Recipe& recipe, const std::vector<int64_t>& stops) {
  const TempFolder folder;
  train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  std::string path;
  for (size_t i = 0; i <= stops.size(); ++i) {
    options.until_epoch = i < stops.size() ? stops[i] : 0;
    auto trainer = i == 0 ? std::make_unique<train::Trainer>(recipe, options)
                          : std::make_unique<train::Trainer>(train::RunFolder::open(path), options);
    path = trainer->folder().path();
    if (i < stops.size()) {
      EXPECT_THROW(trainer->run(), Error);
    } else {
      trainer->run();
    }
  }
  return read_file(train::RunFolder::open(path).last());
}

TEST(Prune, GoesOnToTheSameBytes) {
  for (const char* technique :
       {"sparsity = 0.8, begin = 0.1, end = 0.6", "method = 'movement', sparsity = 0.5, end = 0.9",
        "pattern = '2:4', scope = 'layer'"}) {
    const Recipe recipe = pruned_recipe(technique);
    const std::string whole = run_in_parts(recipe, {});
    EXPECT_TRUE(run_in_parts(recipe, {1, 4, 7}) == whole) << technique;
  }
}

// At the half of the training the sparsity is reached; what is zero then is zero at the end.
TEST(Prune, KeepsItsMasks) {
  const TempFolder folder;
  train::TrainOptions options{.runs = folder / "runs", .quiet = true, .until_epoch = 5};
  auto first =
      std::make_unique<train::Trainer>(pruned_recipe("sparsity = 0.7, end = 0.5"), options);
  const std::string path = first->folder().path();
  EXPECT_THROW(first->run(), Error);
  const auto masks = [](train::Learner& learner) {
    std::vector<std::vector<bool>> out;
    for (const auto& [name, state] : learner.states()) {
      if (!name.starts_with("prune.mask.")) continue;
      const Array mask = state->array();
      out.emplace_back(mask.as<bool>(), mask.as<bool>() + mask.shape.numel());
    }
    return out;
  };
  const auto then = masks(first->learner());
  const Array weights = first->learner().model().module().parameters()[0]->array();
  options.until_epoch = 0;
  train::Trainer second(train::RunFolder::open(path), options);
  second.run();
  EXPECT_EQ(then, masks(second.learner()));
  const Array trained = second.learner().model().module().parameters()[0]->array();
  EXPECT_FALSE(std::ranges::equal(weights.span<float>(), trained.span<float>()));
  zeros_of(second.learner());

  train::LoadedRun loaded(train::RunFolder::open(path));
  EXPECT_EQ(counts(loaded.learner().model().module().parameters()[0]).zeros,
            counts(second.learner().model().module().parameters()[0]).zeros);
}

// A run that begins with a pruned one's weights and has its technique keeps the masks.
TEST(Prune, IsDoneInARunThatBeginsWithAPrunedOne) {
  const TempFolder folder;
  train::Trainer first(pruned_recipe("sparsity = 0.7"), {.runs = folder / "runs", .quiet = true});
  first.run();
  const Recipe more =
      pruned_recipe("sparsity = 0.7", {"train.from=" + first.folder().path(), "train.epochs=1"});
  train::Trainer second(more, {.runs = folder / "runs", .quiet = true});
  second.run();
  const std::vector<Counts> before = zeros_of(first.learner()), after = zeros_of(second.learner());
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(before[i].zeros, after[i].zeros);
}

TEST(Prune, LooksForTheBestWeightsOnceTheyAreSparse) {
  const TempFolder folder;
  train::Trainer trainer(pruned_recipe("sparsity = 0.9, end = 0.9"),
                         {.runs = folder / "runs", .quiet = true});
  trainer.run();
  const int64_t best = train::read_checkpoint(trainer.folder().best()).progress.best_batches;
  EXPECT_GE(best, 36);  // nine tenths of 40
}

// Two weights: a large one that shrinks and a small one that grows.
TEST(Prune, ByMovementCutsWhatShrinks) {
  for (const bool movement : {false, true}) {
    train::Choice choice{"prune", {{"sparsity", {"0.5", false, "here"}}}};
    if (movement) choice.options["method"] = {"movement", true, "here"};
    const auto technique = train::make_technique(choice);
    auto model = models::create("mlp", {{"sizes", "[2, 1]"}});
    const StatePtr weight = model->module().parameters()[0];
    weight->load(Array::of<float>({{2, 0.5}}, {1, 2}));
    const Recipe recipe;
    const train::Task task{};
    model = technique->applied(std::move(model), {recipe, task});
    technique->states();
    CompiledFunction step(
        [&](const std::vector<Tensor>& args) {
          std::vector<Tensor> grads{args[0]};
          technique->before_update({weight}, grads);
          weight->assign(weight->read() - 0.1 * grads[0]);
          technique->after_update();
          return std::vector{grads[0]};
        },
        {});
    for (int i = 0; i < 3; ++i) {
      technique->begin_step(0.01 * i);
      step({Tensor::from(Array::of<float>({{1, -1}}, {1, 2}))});
    }
    EXPECT_FALSE(technique->settled());
    technique->begin_step(0.9);
    EXPECT_TRUE(technique->settled());
    const Array left = weight->array();
    EXPECT_EQ(left.as<float>()[0] == 0, movement);
    EXPECT_EQ(left.as<float>()[1] == 0, !movement);
  }
}

TEST(Prune, LeavesEmbeddingsAndBiasesAlone) {
  train::Choice choice{"prune", {}};
  const auto technique = train::make_technique(choice);
  auto model = models::create(
      "gpt",
      {{"vocabulary", "11"}, {"context", "8"}, {"layers", "1"}, {"width", "16"}, {"heads", "2"}});
  const Recipe recipe;
  const train::Task task{};
  model = technique->applied(std::move(model), {recipe, task});
  std::vector<std::string> names;
  for (const auto& state : technique->states()) names.push_back(state.name);
  EXPECT_THAT(names, testing::Each(testing::Not(testing::HasSubstr("wte"))));
  EXPECT_THAT(names, testing::Each(testing::Not(testing::HasSubstr("bias"))));
  EXPECT_THAT(names, testing::Contains(testing::HasSubstr("mlp")));
}

TEST(Prune, RefusesOptionsThatDoNotFit) {
  const auto made = [](const std::string& technique,
                       const std::vector<std::string>& settings = {}) {
    const TempFolder folder;
    train::Trainer(pruned_recipe(technique, settings), {.runs = folder / "runs", .quiet = true});
  };
  EXPECT_ERROR(made("sparsity = 1.0"), kInvalidArgument,
               "technique.prune: sparsity is 1, expected a share above 0 and below 1");
  EXPECT_ERROR(made("pattern = '2:4', sparsity = 0.6"), kInvalidArgument,
               "technique.prune: sparsity is 0.6, expected a share above 0 and up to 0.5");
  EXPECT_ERROR(made("begin = 0.5, end = 0.4"), kInvalidArgument,
               "technique.prune: begin and end are 0.5 and 0.4, expected 0 <= begin < end <= 1");
  EXPECT_ERROR(made("sparsity = 0.5", {"technique.0.every=0"}), kInvalidArgument,
               "technique.prune: every is 0, expected 1 or more");
  EXPECT_ERROR(made("method = 'size'"), kInvalidArgument,
               "pruned.toml:7: technique.prune.method is 'size', expected magnitude, movement");
  EXPECT_ERROR(made("sparsty = 0.5"), kInvalidArgument,
               "pruned.toml:7: technique.prune: there is no option 'sparsty', did you mean "
               "'sparsity'?");
  EXPECT_ERROR(
      made("sparsity = 0.5", {"train.ema=0.9"}), kInvalidArgument,
      "technique.prune: train.ema is 0.9, and an average of weights is not zero where they "
      "become it; expected 0");
  const auto technique = train::make_technique({"prune", {{"pattern", {"2:4", true, "here"}}}});
  const Recipe recipe;
  const train::Task task{};
  EXPECT_ERROR(technique->applied(models::create("mlp", {{"sizes", "[6, 3]"}}), {recipe, task}),
               kInvalidArgument,
               "technique.prune: lenet has no weights that can have the pattern 2:4");
}

}  // namespace
}  // namespace suan::compress
