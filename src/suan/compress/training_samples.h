// Samples of the training set for a technique that begins, as evaluations prepare them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/data/loader.h"
#include "suan/train/technique.h"

namespace suan::compress {

// Whole batches in an order of the recipe's seed, until there are `samples`; smaller ones where the
// set or `samples` is.
std::vector<data::Batch> training_samples(const train::TechniqueStart& start, int64_t batch,
                                          int64_t samples);

}  // namespace suan::compress
