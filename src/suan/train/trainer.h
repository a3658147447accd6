// Trainer: the loop around a Learner, with its run folder: evaluations, checkpoints, metrics,
// progress, stopping and going on. What it will do depends on the checkpoint alone, so a training
// that was stopped and resumed ends with the same bytes as one that was not.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suan/train/learner.h"
#include "suan/train/run_folder.h"

namespace suan::train {

struct TrainOptions {
  std::string runs = "runs";
  bool quiet = false;                       // no progress on stderr
  const std::atomic<bool>* stop = nullptr;  // set by somebody: save and throw Error(kCancelled)
  int64_t until_epoch = 0;                  // stop after this epoch as if interrupted; 0: run on
};

struct TrainSummary {
  std::string run;                 // the folder
  std::optional<double> accuracy;  // on the test set; none for language models
  double loss = 0;
  // These two and the others that apply to the task; see named_metrics.
  std::vector<std::pair<std::string, double>> metrics;
  int64_t steps = 0;              // batches done
  double seconds = 0;             // of this call
  double samples_per_second = 0;  // of training alone
  double gflops = 0, percent_of_peak = 0;
  bool stopped_early = false;
};

// A logged step, or an evaluation.
struct HistoryPoint {
  double epoch = 0;
  double train_loss = 0;
  bool evaluated = false;  // what follows is set
  double eval_loss = 0, train_accuracy = 0, eval_accuracy = 0;
};
formats::JsonFields to_json(const TrainSummary& summary);

class Trainer {
 public:
  Trainer(Recipe recipe, TrainOptions options);  // a new run
  // Goes on from the run's last checkpoint. `settings` change its recipe (train.epochs=20).
  Trainer(const RunFolder& folder, TrainOptions options,
          const std::vector<std::string>& settings = {});
  ~Trainer();

  // Throws Error(kCancelled) when stopped (after saving), Error(kNumeric) with the step's number
  // when the loss is not finite; the checkpoints then are those of the last good evaluation.
  TrainSummary run();

  const std::vector<HistoryPoint>& history() const;  // of this call to run()
  const RunFolder& folder() const;
  Learner& learner();
  const Task& task() const;
  const Recipe& recipe() const;
  // The test set's evaluation at the end, with the confusion matrix where the task classifies.
  Evaluation test(ConfusionMatrix* matrix = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace suan::train
