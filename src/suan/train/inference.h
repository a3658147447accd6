// LoadedRun: a trained model of a run folder, to evaluate it, to predict and to generate.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "suan/train/learner.h"
#include "suan/train/run_folder.h"

namespace suan::train {

struct Prediction {
  int64_t label = 0;
  std::string name;
  double probability = 0;
  std::vector<double> probabilities;  // of every class
};

class LoadedRun {
 public:
  // `checkpoint` is "last", "best" or empty: best where the recipe has a validation set, else last.
  explicit LoadedRun(const RunFolder& folder, const std::string& checkpoint = "",
                     const std::vector<std::string>& settings = {});

  // On the test set of its own recipe, or of another one's data.
  Evaluation evaluate(const Recipe& data, ConfusionMatrix* matrix = nullptr);
  double flops_per_batch() const { return flops_per_batch_; }  // of the last evaluation
  int64_t batches() const { return batches_; }

  // u8 [h, w, c] as formats::read_image gives it; scaled and made grey or RGB as the model takes
  // it. Throws Error when the model takes no images.
  Prediction predict_image(const Array& image);
  Prediction predict_sentence(const std::string& text);
  // Tokens one by one after the prompt's; `out` gets each one's characters. `temperature` 0 takes
  // the most probable token. Throws Error when the model predicts no tokens.
  void generate(const std::string& prompt, int64_t tokens, double temperature, uint64_t seed,
                const std::function<void(const std::string&)>& out);

  // What the model takes for a batch, after augmentation and normalization, and its labels.
  Type input_type(int64_t batch) const;
  Type label_type(int64_t batch) const;
  // Whether there is one sample only, which is all there is.
  bool is_whole() const { return recipe_.data.kind == "graph"; }

  const Recipe& recipe() const { return recipe_; }
  const Task& task() const { return task_; }
  Learner& learner() { return *learner_; }

 private:
  Prediction predict(const Array& x);
  Recipe recipe_;
  Task task_;
  std::unique_ptr<Learner> learner_;
  double flops_per_batch_ = 0;
  int64_t batches_ = 0;
};

}  // namespace suan::train
