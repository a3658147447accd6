// Learner: a model, its optimizer and the two compiled functions of a training: the step (forward,
// gradient, update: one program) and the evaluation. Knows no files and no loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "suan/data/loader.h"
#include "suan/models/create.h"
#include "suan/optim/gradients.h"
#include "suan/optim/loss_scale.h"
#include "suan/optim/optimizer.h"
#include "suan/tensor/compile.h"
#include "suan/train/evaluation.h"
#include "suan/train/metrics.h"
#include "suan/train/recipe.h"
#include "suan/train/task.h"
#include "suan/train/technique.h"

namespace suan::train {

struct StepResult {
  double loss = 0;  // mean over the batch
  int64_t correct = 0,
          count = 0;  // classified; 0 where labels are mixed or the task predicts tokens
  std::optional<double> loss_scale;  // after the step, where the loss is scaled (f16)
};

class Learner {
 public:
  // Seeds the random numbers of the parameters and makes everything. `task` must outlive it.
  // `checkpoint` is the file that the caller will load: what techniques did to the model is done
  // again. Without one they begin, after the weights of `train.from` are there.
  Learner(const Recipe& recipe, const Task& task, const std::string& checkpoint = "");

  // One batch; with accumulation, every n-th call updates the parameters.
  StepResult step(const data::Batch& batch, double lr);
  // Tells the techniques, before a step, which share of the training is done.
  void begin_step(double done);
  bool settled() const;  // whether all techniques are (Technique::settled)
  // Over all batches of a loader with drop_last unset; `matrix` (or null) counts classes too.
  Evaluation evaluate(data::Loader& loader, ConfusionMatrix* matrix = nullptr);
  // Class scores, f32 [n, classes], of images f32 [n, c, h, w] or of what x is in the task.
  Array logits(const Array& x);
  // Calls f while the model is as evaluations have it: in evaluation mode, with averaged weights.
  void evaluating(const std::function<void()>& f);

  // Every state that determines the future: model, optimizer, accumulated gradients, averages, loss
  // scale. In that order, under the names of a checkpoint (the model's as in PyTorch).
  const std::vector<nn::NamedState>& states() const { return states_; }
  // The name of a parameter or statistic of the model that holds NaN or infinity; empty: none does.
  std::string spoilt_state() const;
  models::Model& model() { return *model_; }
  optim::Optimizer& optimizer() { return *optimizer_; }

  // The graphs of an evaluation of x, and of a step, as they are before any pass.
  Graph eval_graph(const Type& x);
  Graph step_graph(const Type& x, const Type& y);
  // The compiled functions for a batch, to look at.
  CompiledFunction& step_function() { return *step_; }
  CompiledFunction& eval_function() { return *eval_; }
  std::vector<Tensor> arguments(const data::Batch& batch) const;
  // Counted operations of one batch's step; compiles it if need be.
  double step_flops(const data::Batch& batch);
  double eval_flops() const { return eval_flops_; }  // of one batch of the last evaluation

 private:
  Tensor loss_of(const Tensor& logits, const Tensor& y) const;
  std::vector<Tensor> trace_step(const std::vector<Tensor>& args, bool update);
  void trace_update(std::vector<Tensor> grads);
  std::vector<Tensor> trace_eval(const std::vector<Tensor>& args);
  Tensor eval_logits(const Tensor& x) const;
  void check_classes(const Tensor& logits) const;
  void make_techniques(const std::string& checkpoint);
  void swap_average();
  void set_training(bool training);

  const Recipe recipe_;
  const Task& task_;
  std::unique_ptr<models::Model> model_;
  std::vector<std::unique_ptr<Technique>> techniques_;
  std::vector<StatePtr> parameters_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::optional<optim::GradientAccumulator> accumulator_;
  std::optional<optim::Ema> ema_;
  std::optional<optim::LossScaler> scaler_;
  std::optional<CompiledFunction> step_;        // with the update
  std::optional<CompiledFunction> accumulate_;  // without
  std::optional<CompiledFunction> eval_;
  std::vector<nn::NamedState> states_;
  size_t model_state_count_ = 0;
  double eval_flops_ = 0;
  int64_t calls_ = 0;
  double lr_ = -1;
  bool training_ = true;

 public:
  // Where in the accumulation it is: the number of calls to step() so far.
  void set_calls(int64_t calls) { calls_ = calls; }
};

}  // namespace suan::train
