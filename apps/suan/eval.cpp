// `suan eval`: the test set's loss and accuracy of a run.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "apps/suan/commands.h"
#include "suan/target/machine.h"
#include "suan/train/inference.h"

namespace suan::app {

int run_eval(const EvalOptions& options) {
  const auto run = train::RunFolder::open(options.run, options.runs);
  train::LoadedRun loaded(run, options.checkpoint);
  const train::Evaluation e = loaded.evaluate(
      options.data.empty() ? loaded.recipe() : train::load_recipe(options.data, options.settings));
  const double rate = static_cast<double>(e.samples) / e.seconds;
  const double gflops =
      loaded.flops_per_batch() * static_cast<double>(loaded.batches()) / e.seconds / 1e9;
  const double share = 100 * gflops / peak_gflops(machine_peak(), loaded.recipe().precision());
  if (loaded.task().classifies) fmt::print("accuracy  {:.2f} %\n", 100 * e.accuracy);
  fmt::print("loss      {:.4f}\n", e.loss);
  fmt::print("time      {:.2f} s ({:.0f} samples/s, {:.1f} GFLOP/s, {:.1f} % of peak)\n", e.seconds,
             rate, gflops, share);
  if (!options.json) return 0;
  formats::JsonFields fields;
  if (loaded.task().classifies) fields.emplace_back("accuracy", e.accuracy);
  fields.insert(fields.end(), {{"loss", e.loss},
                               {"samples", e.samples},
                               {"seconds", e.seconds},
                               {"samples_per_second", rate},
                               {"gflops", gflops},
                               {"percent_of_peak", share},
                               {"run", run.path()}});
  fmt::print("{}\n", json_line(fields));
  return 0;
}

}  // namespace suan::app
