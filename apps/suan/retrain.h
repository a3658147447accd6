// Forms of a run that a technique makes and trains again: fewer channels, low rank, in integers,
// with a teacher.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <string>
#include <vector>

namespace suan::app {

struct Retraining {
  std::string name;                    // "pruned-50": the new run is called <recipe>-<name>
  std::string what;                    // for people: "half of the operations pruned"
  std::vector<std::string> technique;  // its keys: "kind=prune_channels", "flops=0.5"
};
Retraining pruning(double removed);  // the share of the operations that goes
Retraining factorising(double left);
Retraining quantizing();  // with rounded weights and activations
Retraining distilling(const std::string& teacher);

struct RetrainOptions {
  std::string run, runs;
  std::vector<std::string> settings;  // of the recipe; they win
  int64_t epochs = 0;                 // 0, or a recipe by steps: a third of the recipe's
  bool quiet = false;
  const std::atomic<bool>* stop = nullptr;
};
// The folder of a run that begins with the run's weights and its recipe, a quarter of its learning
// rate and this technique. Throws Error(kCancelled) where it was stopped.
std::string retrain(const Retraining& how, const RetrainOptions& options);

}  // namespace suan::app
