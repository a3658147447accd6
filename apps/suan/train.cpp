// `suan train`: trains a recipe, one run or several seeds, or goes on with a run.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>

#include "apps/suan/commands.h"
#include "apps/suan/interrupt.h"
#include "suan/base/error.h"
#include "suan/train/trainer.h"

namespace suan::app {
namespace {

void print_summary(const train::TrainSummary& s) {
  Metrics metrics = s.metrics;
  if (s.accuracy) metrics.front().first = "test accuracy";
  print_metrics(metrics, 14);
  fmt::print("time           {:.1f} s ({:.0f} samples/s, {:.1f} GFLOP/s, {:.1f} % of peak)\n",
             s.seconds, s.samples_per_second, s.gflops, s.percent_of_peak);
  fmt::print("run            {}\n", s.run);
}

int finish(const TrainCommandOptions& options, const formats::JsonFields& fields) {
  if (options.json) fmt::print("{}\n", json_line(fields));
  return 0;
}

struct Spread {
  double mean = 0, std = 0;
};
// The standard deviation of the sample (n - 1); 0 for one value.
Spread spread_of(const std::vector<double>& values) {
  Spread s;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) s.mean += v / n;
  for (const double v : values) s.std += (v - s.mean) * (v - s.mean);
  s.std = values.size() > 1 ? std::sqrt(s.std / (n - 1)) : 0;
  return s;
}

int train_seeds(const TrainCommandOptions& options, const train::Recipe& recipe,
                const train::TrainOptions& train_options) {
  std::vector<double> metrics;
  train::TrainSummary last;
  double seconds = 0;
  for (int i = 0; i < options.seeds; ++i) {
    train::Recipe one = recipe;
    one.train.seed += i;
    last = train::Trainer(one, train_options).run();
    metrics.push_back(last.accuracy.value_or(last.loss));
    seconds += last.seconds;
    fmt::print("seed {}: {}\n", one.train.seed,
               last.accuracy ? fmt::format("accuracy {:.2f} %", 100 * *last.accuracy)
                             : fmt::format("loss {:.4f}", last.loss));
    std::fflush(stdout);
  }
  const Spread spread = spread_of(metrics);
  const std::string metric = last.accuracy ? "accuracy" : "loss";
  fmt::print("{} of {} seeds: mean {:.4f}, standard deviation {:.4f}\n", metric, options.seeds,
             spread.mean, spread.std);
  return finish(options, {{metric, spread.mean},
                          {metric + "_std", spread.std},
                          {"seeds", int64_t{options.seeds}},
                          {"seconds", seconds},
                          {"samples_per_second", last.samples_per_second},
                          {"gflops", last.gflops},
                          {"percent_of_peak", last.percent_of_peak},
                          {"run", last.run}});
}

}  // namespace

int run_train(const TrainCommandOptions& options) {
  train::TrainOptions train_options{.runs = options.runs,
                                    .quiet = options.quiet,
                                    .stop = &stop_on_interrupt(),
                                    .until_epoch = options.until_epoch};
  if (!options.resume.empty()) {
    if (!options.recipe.empty())
      fail("train", "--resume takes no recipe, got '{}'", options.recipe);
    train::Trainer trainer(train::RunFolder::open(options.resume, options.runs), train_options,
                           options.settings);
    const train::TrainSummary summary = trainer.run();
    print_summary(summary);
    return finish(options, train::to_json(summary));
  }
  if (options.recipe.empty()) fail("train", "expected a recipe: a file or a name, or --resume RUN");
  train::Recipe recipe = train::load_recipe(options.recipe, options.settings);
  if (options.threads) recipe.train.threads = options.threads;
  if (options.seeds > 1) return train_seeds(options, recipe, train_options);
  const train::TrainSummary summary = train::Trainer(recipe, train_options).run();
  print_summary(summary);
  return finish(options, train::to_json(summary));
}

}  // namespace suan::app
