// Checkpoint: everything that determines the rest of a training, in one safetensors file that is
// replaced whole or not at all. The model's tensors have their PyTorch names.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <vector>

#include "suan/nn/module.h"

namespace suan::train {

// Where a training is; numbers and texts, kept in the file's metadata.
struct Progress {
  int64_t batches = 0;  // done
  int64_t evaluations = 0;
  int64_t metric_lines = 0;   // of metrics.jsonl
  double best = 0;            // the metric of the best evaluation
  int64_t best_batches = -1;  // when that was; -1: never yet
  int64_t without_improvement = 0;
  double loss_sum = 0;  // since the last line about an epoch
  int64_t loss_count = 0, correct = 0, classified = 0;
  std::string plateau;  // optim::to_text of a Plateau, or empty
  bool operator==(const Progress&) const = default;
};

struct Checkpoint {
  Progress progress;
  std::vector<std::string> class_names, vocabulary;  // as Task has them
};

void save_checkpoint(const std::string& path, const std::vector<nn::NamedState>& states,
                     const Checkpoint& checkpoint);

// Replaces the states' values. Throws Error(kBadFile) naming the file and the tensor or number that
// is missing or does not fit, and then has changed nothing.
Checkpoint load_checkpoint(const std::string& path, const std::vector<nn::NamedState>& states);
// Without the tensors.
Checkpoint read_checkpoint(const std::string& path);

}  // namespace suan::train
