// Training: going on where it stopped, stopping, and what is left behind when something goes wrong.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/trainer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "suan/base/file.h"
#include "suan/train/checkpoint.h"
#include "suan/train/inference.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::train {
namespace {

Recipe small_recipe(const std::vector<std::string>& settings = {}) {
  const std::string text = R"(
name = "small"
model = {name = "mlp", sizes = [784, 8, 10]}
data = {kind = "digits", train_samples = 60, test_samples = 40, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.01}
schedule = {kind = "cosine"}
train = {epochs = 10, batch = 20, eval_batch = 30, log_every = 2, threads = 1}
)";
  return parse_recipe(text, "small.toml", settings);
}

TrainOptions options_in(const TempFolder& folder) {
  return {.runs = folder / "runs", .quiet = true};
}

std::string checkpoint_after(const Recipe& recipe, const std::vector<int64_t>& stops) {
  const TempFolder folder;
  TrainOptions options = options_in(folder);
  std::string path;
  for (size_t i = 0; i <= stops.size(); ++i) {
    options.until_epoch = i < stops.size() ? stops[i] : 0;
    auto trainer = i == 0 ? std::make_unique<Trainer>(recipe, options)
                          : std::make_unique<Trainer>(RunFolder::open(path), options);
    path = trainer->folder().path();
    if (i < stops.size()) {
      EXPECT_THROW(trainer->run(), Error);
    } else {
      trainer->run();
    }
  }
  return read_file(RunFolder::open(path).last());
}

TEST(Trainer, ResumedTrainingEndsWithTheSameBytes) {
  for (const std::vector<std::string>& settings :
       {std::vector<std::string>{},
        {"train.accumulate=2", "train.ema=0.9", "train.clip_norm=1", "optimizer.name=sgd",
         "optimizer.momentum=0.9", "optimizer.lr=0.05", "schedule.kind=plateau",
         "schedule.patience=0"}}) {
    const Recipe recipe = small_recipe(settings);
    const std::string whole = checkpoint_after(recipe, {});
    EXPECT_TRUE(checkpoint_after(recipe, {4}) == whole);
    EXPECT_TRUE(checkpoint_after(recipe, {1, 3, 8}) == whole);
  }
}

TEST(Trainer, InF16EndsWithTheSameBytesAndAboutTheAccuracyOfF32) {
  for (const std::vector<std::string>& settings :
       {std::vector<std::string>{"train.precision=f16"},
        {"train.precision=f16", "train.accumulate=2", "train.ema=0.9", "train.clip_norm=1"}}) {
    const Recipe recipe = small_recipe(settings);
    const std::string whole = checkpoint_after(recipe, {});
    EXPECT_TRUE(checkpoint_after(recipe, {3, 4}) == whole);
    EXPECT_NE(whole.find("loss_scale.good_steps"), std::string::npos);
  }
  const TempFolder folder;
  const std::vector<std::string> more{"train.epochs=20", "data.train_samples=400",
                                      "train.eval_batch=40"};
  std::vector<std::string> in_f16 = more;
  in_f16.emplace_back("train.precision=f16");
  Trainer f32(small_recipe(more), options_in(folder));
  Trainer f16(small_recipe(in_f16), options_in(folder));
  const double expected = *f32.run().accuracy, got = *f16.run().accuracy;
  EXPECT_GT(expected, 0.7);
  EXPECT_NEAR(got, expected, 0.051);
  const std::string metrics = read_file(f16.folder().metrics());
  EXPECT_NE(metrics.find("\"loss_scale\":65536"), std::string::npos) << metrics.substr(0, 300);
}

TEST(Trainer, StopsWithinAnEpochAndGoesOnToTheSameBytes) {
  const Recipe recipe = small_recipe({"data.mixup=0.2"});
  const std::string whole = checkpoint_after(recipe, {});
  const TempFolder folder;
  std::atomic<bool> stop{true};
  TrainOptions options = options_in(folder);
  options.stop = &stop;
  Trainer first(recipe, options);
  const std::string path = first.folder().path();
  EXPECT_ERROR(first.run(), kCancelled,
               "train: stopped after step 1; go on with: suan train --resume " + path);
  EXPECT_EQ(read_checkpoint(RunFolder::open(path).last()).progress.batches, 1);
  Trainer second(RunFolder::open(path), options_in(folder));
  second.run();
  EXPECT_TRUE(read_file(RunFolder::open(path).last()) == whole);
}

TEST(Trainer, WritesAFolderThatCanBeEvaluated) {
  const TempFolder folder;
  Trainer trainer(small_recipe({"train.epochs=30"}), options_in(folder));
  const TrainSummary summary = trainer.run();
  EXPECT_EQ(summary.run, folder / "runs" + "/small-1");
  EXPECT_EQ(summary.steps, 90);
  EXPECT_GT(*summary.accuracy, 0.5);
  EXPECT_THAT(read_file(trainer.folder().metrics()), testing::HasSubstr("\"eval_accuracy\":"));
  LoadedRun loaded(RunFolder::open("small-1", folder / "runs"));
  const Evaluation evaluation = loaded.evaluate(loaded.recipe());
  EXPECT_EQ(evaluation.accuracy, *summary.accuracy);
  EXPECT_EQ(evaluation.loss, summary.loss);
  EXPECT_EQ(evaluation.samples, 40);
  EXPECT_EQ(Trainer(small_recipe(), options_in(folder)).folder().path(),
            folder / "runs" + "/small-2");
  EXPECT_ERROR(RunFolder::open(folder / "none"), kBadFile,
               folder / "none" + ": is not the folder of a run: there is no " + folder / "none" +
                   "/config.toml");
}

TEST(Trainer, EvaluationDoesNotDependOnTheBatch) {
  const TempFolder folder;
  Trainer trainer(small_recipe({"train.epochs=1"}), options_in(folder));
  const TrainSummary summary = trainer.run();
  LoadedRun loaded(RunFolder::open(summary.run), "", {"train.eval_batch=7"});
  EXPECT_NEAR(loaded.evaluate(loaded.recipe()).loss, summary.loss, 1e-6);
}

TEST(Trainer, AveragesTheViewsOfAnImage) {
  const TempFolder folder;
  Trainer trainer(small_recipe({"train.epochs=1"}), options_in(folder));
  const RunFolder run = RunFolder::open(trainer.run().run);
  Array image(DType::f32, {1, 1, 28, 28}), mirrored(DType::f32, {1, 1, 28, 28});
  for (int64_t i = 0; i < 784; ++i) {
    image.as<float>()[i] = static_cast<float>(i % 9);
    mirrored.as<float>()[i / 28 * 28 + 27 - i % 28] = static_cast<float>(i % 9);
  }
  const auto scores = [&](const Array& x, const char* views) {
    return LoadedRun(run, "", {std::string("train.eval_views=") + views}).learner().logits(x);
  };
  const Array one = scores(image, "1"), other = scores(mirrored, "1"), both = scores(image, "2");
  for (size_t k = 0; k < 10; ++k) {
    const float mean = (one.span<float>()[k] + other.span<float>()[k]) / 2;
    EXPECT_NEAR(both.span<float>()[k], mean, 1e-5);
    EXPECT_NE(one.span<float>()[k], other.span<float>()[k]);
  }
}

TEST(Trainer, StopsAtALossThatIsNotANumber) {
  const TempFolder folder;
  Trainer trainer(small_recipe({"optimizer.name=sgd", "optimizer.lr=1e30"}), options_in(folder));
  const std::string last = trainer.folder().last();
  try {
    trainer.run();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNumeric);
    EXPECT_THAT(error.what(),
                testing::MatchesRegex("train: the loss is (-?nan|inf) at step 2 \\(epoch 1\\); the "
                                      "last good checkpoint is .*/last.safetensors, of step 0"));
  }
  EXPECT_EQ(read_checkpoint(last).progress.batches, 0);
}

// The loss of a step is that before its update, so the weights may be spoilt with a good loss.
TEST(Trainer, NeverSavesWeightsThatAreNotFinite) {
  const TempFolder folder;
  Trainer trainer(small_recipe({"train.epochs=2"}), options_in(folder));
  trainer.run();
  const std::string last = trainer.folder().last(), before = read_file(last);
  const StatePtr bias = trainer.learner().states()[1].state;
  Array array = bias->array();
  array.as<float>()[0] = INFINITY;
  bias->load(array);
  EXPECT_EQ(trainer.learner().spoilt_state(), "layers.0.bias");
  EXPECT_ERROR(trainer.run(), kNumeric,
               "train: 'layers.0.bias' is not finite any more at step 6 (epoch 2); the last good "
               "checkpoint is " +
                   last + ", of step 6");
  EXPECT_TRUE(read_file(last) == before);
}

TEST(Trainer, LeavesNoFolderBehindWhenNothingFits) {
  const TempFolder folder;
  EXPECT_ERROR(Trainer(small_recipe({"model.sizes=[784, 8, 5]"}), options_in(folder)),
               kInvalidArgument, "model: mlp gives 5 classes, the data has 10");
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
}

TEST(Trainer, RemovesHalfWrittenFilesWhenItGoesOn) {
  const TempFolder folder;
  const std::string path = Trainer(small_recipe({"train.epochs=1"}), options_in(folder)).run().run;
  const std::string part = path + "/checkpoints/last.safetensors.part-12-3";
  write_file_atomically(part, "half");
  Trainer(RunFolder::open(path), options_in(folder), {"train.epochs=2"}).run();
  EXPECT_FALSE(std::filesystem::exists(part));
}

TEST(Trainer, ClassifiesTheRowsOfCsvFiles) {
  const TempFolder folder;
  std::string rows = "x,kind,y\n";
  for (int i = 0; i < 40; ++i) rows += fmt::format("{},{},{}\n", i % 7, i % 7 > 3 ? "b" : "a", i);
  folder.file("train.csv", rows);
  folder.file("test.csv", "x,kind,y\n6,b,1\n0,a,2\n");
  const std::string text =
      "model = {name = \"mlp\", sizes = [2, 16, 2]}\noptimizer = {name = \"adamw\", lr = 0.02}\n"
      "train = {epochs = 60, batch = 20}\ndata = {kind = \"csv\", label = \"kind\", path = \"" +
      folder.path() + "\"}\n";
  Trainer trainer(parse_recipe(text, "csv.toml"), options_in(folder));
  EXPECT_EQ(trainer.task().class_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(*trainer.run().accuracy, 1.0);
  LoadedRun loaded(trainer.folder());
  EXPECT_EQ(loaded.evaluate(loaded.recipe()).accuracy, 1.0);
}

TEST(Trainer, StopsEarlyWithoutImprovement) {
  const TempFolder folder;
  Trainer trainer(small_recipe({"optimizer.lr=0", "train.patience=2"}), options_in(folder));
  const TrainSummary summary = trainer.run();
  EXPECT_TRUE(summary.stopped_early);
  EXPECT_EQ(summary.steps, 3 * 3);  // the first evaluation is the best, then two that are not
}

TEST(Trainer, RefusesWhatCannotTrain) {
  const TempFolder folder;
  EXPECT_ERROR(Trainer(small_recipe({"model.name=lenett"}), options_in(folder)), kInvalidArgument,
               "model: there is no model 'lenett', did you mean 'lenet'?");
  EXPECT_ERROR(Trainer(small_recipe({"optimizer.beta=1"}), options_in(folder)), kInvalidArgument,
               "--set optimizer.beta=1: optimizer adamw: there is no option 'beta', did you mean "
               "'beta1'?");
  EXPECT_ERROR(Trainer(small_recipe({"optimizer.beta1=x"}), options_in(folder)), kInvalidArgument,
               "--set optimizer.beta1=x: optimizer adamw.beta1 is 'x', expected a number");
  EXPECT_ERROR(Trainer(small_recipe({"data.kind=mnist"}), options_in(folder)), kInvalidArgument,
               "data.path: is empty, and mnist needs one");
  write_file_atomically(folder / "text", std::string(2000, 'a') + "b");
  EXPECT_ERROR(Trainer(small_recipe({"train.eval_views=2", "data.kind=text",
                                     "data.path=" + folder / "text"}),
                       options_in(folder)),
               kInvalidArgument, "train.eval_views: is 2, and tokens have no mirror image");
  EXPECT_ERROR(Trainer(small_recipe({"augment.0.kind=random_crp"}), options_in(folder)),
               kInvalidArgument,
               "augment: there is no augmentation 'random_crp', did you mean 'random_crop'?");
}

// A process that does nothing but save is killed at some moment, many times over.
TEST(Checkpoint, IsWholeAfterAKillDuringASave) {
  const TempFolder folder;
  const std::string path = folder / "last.safetensors";
  std::vector<nn::NamedState> states{{"w", State::create("w", Array(DType::f32, Shape{1 << 18}))}};
  save_checkpoint(path, states, {});
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int64_t n = 1;; ++n) save_checkpoint(path, states, {.progress = {.batches = n}});
    }
    ::usleep(static_cast<useconds_t>(5000 + 1700 * i));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_GE(load_checkpoint(path, states).progress.batches, 0);
  }
}

TEST(Checkpoint, NamesWhatDoesNotFit) {
  const TempFolder folder;
  const std::string path = folder / "c.safetensors";
  const std::vector<nn::NamedState> states{{"w", State::create("w", Array(DType::f32, Shape{4}))}};
  save_checkpoint(path, states,
                  {.progress = {.batches = 3, .best = 0.25}, .vocabulary = {"a\n", "", "3:"}});
  const Checkpoint read = load_checkpoint(path, states);
  EXPECT_EQ(read.progress.best, 0.25);
  EXPECT_EQ(read.vocabulary, (std::vector<std::string>{"a\n", "", "3:"}));
  EXPECT_ERROR(load_checkpoint(path, {{"v", states[0].state}}), kBadFile,
               path + ": has no tensor 'v'");
  EXPECT_ERROR(load_checkpoint(path, {{"w", State::create("w", Array(DType::f32, Shape{5}))}}),
               kBadFile, path + ": 'w' is f32[4], expected f32[5]");
}

}  // namespace
}  // namespace suan::train
