// The generated digits stand in for handwriting: a network that has seen nothing else reads MNIST.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/digits.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "suan/train/inference.h"
#include "suan/train/trainer.h"
#include "tests/temp_folder.h"

namespace suan::train {
namespace {

TEST(Digits, ALenetTrainedOnThemReads80PercentOfMnist) {
  const char* data = std::getenv("SUAN_DATA");
  if (!data || !std::filesystem::is_directory(std::string(data) + "/mnist")) {
    GTEST_SKIP() << "there is no $SUAN_DATA/mnist";
  }
  const TempFolder folder;
  Trainer trainer(load_recipe("digits-lenet"), {.runs = folder / "runs", .quiet = true});
  const TrainSummary summary = trainer.run();
  LoadedRun run(trainer.folder());
  const Evaluation real =
      run.evaluate(load_recipe("mnist-lenet", {"data.mean=[0.13]", "data.std=[0.31]"}));
  EXPECT_EQ(real.samples, 10'000);
  EXPECT_GE(real.accuracy, 0.80);
  EXPECT_GE(*summary.accuracy, 0.985);
  RecordProperty("accuracy", std::to_string(real.accuracy));
  std::printf("%.2f %% of MNIST, %.2f %% of generated digits, after %.1f s\n", 100 * real.accuracy,
              100 * *summary.accuracy, summary.seconds);
}

}  // namespace
}  // namespace suan::train
