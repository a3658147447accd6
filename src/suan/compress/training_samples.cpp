// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/training_samples.h"

#include <algorithm>

#include "suan/train/task.h"

namespace suan::compress {

std::vector<data::Batch> training_samples(const train::TechniqueStart& start, int64_t batch,
                                          int64_t samples) {
  const data::DatasetPtr& dataset = start.task.train;
  data::LoaderOptions options;
  options.batch = std::min({batch, dataset->size(), samples});
  options.shuffle = true;
  options.drop_last = true;
  options.workers = 0;
  options.seed = static_cast<uint64_t>(start.recipe.train.seed);
  options.augment = start.task.eval_augment;
  data::Loader loader(dataset, options);
  std::vector<data::Batch> batches;
  for (data::Batch one : loader) {
    batches.push_back(std::move(one));
    if (static_cast<int64_t>(batches.size()) * options.batch >= samples) break;
  }
  return batches;
}

}  // namespace suan::compress
