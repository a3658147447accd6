// What a recipe names, made: optimizer, learning rate schedule, augmentation, model.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/data/augment.h"
#include "suan/models/create.h"
#include "suan/optim/optimizer.h"
#include "suan/optim/schedule.h"
#include "suan/train/recipe.h"

namespace suan::train {

// sgd, adam, adamw, rmsprop, adagrad, lion, lamb or muon with the options of its struct, and
// `decay_biases` (true): whether parameters of one axis decay. Throws Error with the place of an
// option that does not exist or fit.
std::unique_ptr<optim::Optimizer> make_optimizer(const Choice& choice,
                                                 const std::vector<StatePtr>& parameters);
// The schedule for a training of `total_steps`; `lr` is the optimizer's. Plateau gives a constant.
optim::Schedule make_schedule(const ScheduleRecipe& recipe, double lr, int64_t total_steps,
                              int64_t steps_per_epoch);
// random_crop, horizontal_flip, rotate, affine, colour_jitter, cutout, rand_augment.
data::Augment make_augment(const std::vector<Choice>& choices, const data::Normalize& normalize);
// Where the options name none, `classes` and `vocabulary` come from the data.
std::unique_ptr<models::Model> make_model(const Choice& choice);

std::vector<std::string> optimizer_names();

}  // namespace suan::train
