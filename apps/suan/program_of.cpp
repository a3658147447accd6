// Compiling a training step, and finding a model's program.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/program_of.h"

#include <algorithm>
#include <filesystem>

#include "suan/base/error.h"
#include "suan/train/run_folder.h"

namespace suan::app {
namespace {

train::Recipe find_recipe(const std::string& what, const std::string& runs,
                          const std::vector<std::string>& settings) {
  const bool run = std::filesystem::exists(what + "/config.toml") ||
                   std::filesystem::exists(runs + "/" + what + "/config.toml");
  if (!run) return train::load_recipe(what, settings);
  const auto folder = train::RunFolder::open(what, runs);
  folder.use_kernels();
  return folder.recipe(settings);
}

}  // namespace

StepOf::StepOf(const std::string& what, const std::string& runs,
               const std::vector<std::string>& settings, int threads)
    : recipe_(find_recipe(what, runs, settings)) {
  if (threads) recipe_.train.threads = threads;
  recipe_.train.accumulate = 1;
  task_ = train::make_task(recipe_);
  learner_.emplace(recipe_, task_);
  data::LoaderOptions options;
  options.batch = std::min(recipe_.train.batch, task_.train->size());
  options.workers = 0;
  options.augment = task_.train_augment;
  options.mix = task_.mix;
  data::Loader loader(task_.train, options);
  batch_ = *loader.begin();
  arguments_ = learner_->arguments(batch_);
}

void StepOf::run() {
  const double lr = 0;
  learner_->step(batch_, lr);
}

bool is_model(const std::string& path) {
  return path.ends_with(".onnx") || path.ends_with(".suan");
}

ProgramPtr program_of(const LoadedModel& loaded, const std::vector<onnx::Value>& arguments) {
  ProgramPtr program = loaded.engine->program(arguments);
  if (!program) {
    fail(ErrorCode::kUnsupported, "model", "has no program: {}",
         loaded.engine->interpreted_because(arguments));
  }
  return program;
}

void refuse_for_model(const ModelOptions& options) {
  refuse_unused(options, {"--set", "--runs"}, "on a model");
}
void refuse_for_training(const ModelOptions& options) {
  refuse_unused(options,
                {"--input", "--dim", "--batch", "--precision", "--memory", "--loop-limit",
                 "--memory-limit", "--no-pass", "--pad"},
                "on training, whose recipe says all");
}

}  // namespace suan::app
