// `suan eval`: the test set's loss and accuracy of a run.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "apps/suan/commands.h"
#include "suan/target/machine.h"
#include "suan/train/inference.h"

namespace suan::app {

void print_metrics(const Metrics& metrics, int width) {
  for (const auto& [name, value] : metrics) {
    const bool share = name.ends_with("accuracy");
    fmt::print("{:<{}} {}\n", name, width,
               share ? fmt::format("{:.2f} %", 100 * value) : fmt::format("{:.4f}", value));
  }
}

int run_eval(const EvalOptions& options) {
  const auto run = train::RunFolder::open(options.run, options.runs);
  train::LoadedRun loaded(run, options.checkpoint);
  const train::Evaluation e = loaded.evaluate(
      options.data.empty() ? loaded.recipe() : train::load_recipe(options.data, options.settings));
  const double rate = static_cast<double>(e.samples) / e.seconds;
  const double gflops =
      loaded.flops_per_batch() * static_cast<double>(loaded.batches()) / e.seconds / 1e9;
  const double share = 100 * gflops / peak_gflops(machine_peak(), loaded.recipe().precision());
  print_metrics(train::named_metrics(e), 9);
  fmt::print("time      {:.2f} s ({:.0f} samples/s, {:.1f} GFLOP/s, {:.1f} % of peak)\n", e.seconds,
             rate, gflops, share);
  if (!options.json) return 0;
  formats::JsonFields fields;
  for (const auto& [name, value] : train::named_metrics(e)) fields.emplace_back(name, value);
  fields.insert(fields.end(), {{"samples", e.samples},
                               {"seconds", e.seconds},
                               {"samples_per_second", rate},
                               {"gflops", gflops},
                               {"percent_of_peak", share},
                               {"run", run.path()}});
  fmt::print("{}\n", json_line(fields));
  return 0;
}

}  // namespace suan::app
