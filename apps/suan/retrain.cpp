// The recipe of a run with a technique more.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/retrain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/train/trainer.h"

namespace suan::app {
namespace {

std::string per_cent(double share) { return fmt::format("{}", std::lround(100 * share)); }

}  // namespace

Retraining pruning(double removed) {
  // Blocks of 16 channels are what CPU kernels work in.
  return {"pruned-" + per_cent(removed),
          fmt::format("{} % of the operations pruned", per_cent(removed)),
          {"kind=prune_channels", fmt::format("flops={}", 1 - removed), "multiple=16"}};
}
Retraining factorising(double left) {
  return {"low-rank-" + per_cent(left),
          fmt::format("layers factorised to {} % of their operations", per_cent(left)),
          {"kind=low_rank", fmt::format("flops={}", left)}};
}
Retraining quantizing() { return {"int8", "trained in int8", {"kind=quantize"}}; }
Retraining distilling(const std::string& teacher) {
  return {"distilled", "distilled from " + teacher, {"kind=distill", "teacher=" + teacher}};
}

std::string retrain(const Retraining& how, const RetrainOptions& options) {
  const auto folder = train::RunFolder::open(options.run, options.runs);
  const train::Recipe before = folder.recipe();
  std::vector<std::string> settings{"name=" + before.name + "-" + how.name,
                                    "train.from=" + folder.path()};
  for (const std::string& key : how.technique) {
    settings.push_back(fmt::format("technique.{}.{}", before.techniques.size(), key));
  }
  const bool by_steps = before.train.steps > 0;
  const int64_t all = by_steps ? before.train.steps : before.train.epochs;
  const int64_t some = options.epochs && !by_steps ? options.epochs : std::max<int64_t>(1, all / 3);
  settings.push_back(fmt::format("train.{}={}", by_steps ? "steps" : "epochs", some));
  constexpr double kLess = 0.25;
  for (const char* rate : {"lr", "adamw_lr"}) {
    const auto found = before.optimizer.options.find(rate);
    if (found == before.optimizer.options.end()) continue;
    settings.push_back(fmt::format("optimizer.{}={}", rate, kLess * std::stod(found->second.text)));
  }
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  const train::TrainSummary summary =
      train::Trainer(folder.recipe(settings),
                     {.runs = options.runs, .quiet = options.quiet, .stop = options.stop})
          .run();
  return summary.run;
}

}  // namespace suan::app
