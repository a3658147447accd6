// The report of a training.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/trainer.h"

namespace suan::train {

formats::JsonFields to_json(const TrainSummary& s) {
  formats::JsonFields fields;
  for (const auto& [name, value] : s.metrics) fields.emplace_back(name, value);
  fields.insert(fields.end(), {{"seconds", s.seconds},
                               {"samples_per_second", s.samples_per_second},
                               {"gflops", s.gflops},
                               {"percent_of_peak", s.percent_of_peak},
                               {"steps", s.steps},
                               {"stopped_early", s.stopped_early},
                               {"run", s.run}});
  return fields;
}

}  // namespace suan::train
