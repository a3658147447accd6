// Evaluation: what a model's results on a data set are worth. One list of metrics serves the
// progress, metrics.jsonl, TensorBoard and the command's reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace suan::train {

struct Evaluation {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double loss = 0;                // mean over what is not ignored
  double accuracy = kNone;        // none where the task predicts tokens
  double f1 = kNone;              // mean over the classes; none beyond a thousand of them
  double perplexity = kNone;      // of tasks that predict tokens
  int64_t top_k = 0;              // train.top_k of the recipe
  double top_k_accuracy = kNone;  // none without one
  int64_t samples = 0;
  double seconds = 0;
};

// The metrics that apply, named as in reports: accuracy, loss, f1, top5_accuracy, perplexity.
std::vector<std::pair<std::string, double>> named_metrics(const Evaluation& evaluation);

}  // namespace suan::train
