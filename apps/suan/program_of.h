// What `suan inspect` and `suan profile` look at: the program of a training step or of a model.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "apps/suan/commands.h"
#include "apps/suan/model.h"
#include "suan/program/program.h"
#include "suan/train/learner.h"
#include "suan/train/recipe.h"

namespace suan::app {

// The compiled step of a run or recipe, with one batch of its data.
class StepOf {
 public:
  StepOf(const std::string& what, const std::string& runs, const std::vector<std::string>& settings,
         int threads);
  const train::Recipe& recipe() const { return recipe_; }
  ProgramPtr program() { return learner_->step_function().program(arguments_); }
  RunContext& context() { return learner_->step_function().context(arguments_); }
  void run();  // with a learning rate of 0: the weights stay as they are

 private:
  train::Recipe recipe_;
  train::Task task_;
  std::optional<train::Learner> learner_;
  data::Batch batch_;
  std::vector<Tensor> arguments_;
};

bool is_model(const std::string& path);
// The program of a model for these arguments. Throws Error where it is interpreted.
ProgramPtr program_of(const LoadedModel& loaded, const std::vector<onnx::Value>& arguments);

// Options of the one that the other does not know.
void refuse_for_model(const ModelOptions& options);
void refuse_for_training(const ModelOptions& options);

}  // namespace suan::app
