// Recipe: everything that determines a training, as a TOML file says it. One list of keys
// (recipe.cpp) serves reading, checking, printing and the suggestions for mistyped keys.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/arithmetic.h"
#include "suan/optim/schedule.h"
#include "suan/train/options.h"

namespace suan::train {

// Something chosen by name and its own settings.
struct Choice {
  std::string name;
  Options options;
  bool operator==(const Choice&) const = default;
};

struct DataRecipe {
  // digits (generated), mnist, cifar10 (binary), images (folders or a .tar.zst of them), text
  // (characters), sentences (tab-separated with labels), graph, csv (train.csv and test.csv)
  std::string kind = "digits";
  std::string path;  // "$NAME" at its start or after a '/' stands for the environment variable
  std::string label = "label";                  // csv: the column with the classes
  int64_t train_samples = 0, test_samples = 0;  // use only the first ones; 0: all
  std::vector<double> mean{0}, std{1};          // of images, by channel, for values in [0, 1]
  int64_t height = 0, width = 0;                // images are scaled to this; 0: as they are
  int64_t context = 64;                         // text: tokens in a window; sentences: the longest
  int64_t vocabulary = 10'000;                  // sentences: words kept
  int64_t workers = -1;                         // threads that make batches; -1: by the cores
  double mixup = 0, cutmix = 0;                 // alpha; 0: none
  bool operator==(const DataRecipe&) const = default;
};

struct TrainRecipe {
  int64_t epochs = 10;
  int64_t steps = 0;  // optimizer steps; above 0 it takes the place of epochs
  int64_t batch = 64;
  int64_t eval_batch = 250;
  std::string precision = "f32";  // the name of an Arithmetic
  int64_t seed = 0;
  // A run, or a checkpoint of one, whose weights a new run begins with. Techniques that its recipe
  // has too, in the same order, count as done.
  std::string from;
  int64_t threads = 0;  // 0: as many as the process may use
  // MB (1e6 bytes) of activations and scratch in a step, which computes some values twice to keep
  // to it; 0: no limit.
  int64_t memory_mb = 0;
  double clip_norm = 0;
  int64_t accumulate = 1;  // batches in one optimizer step
  double ema = 0;          // decay of the average of weights that is evaluated; 0: none
  double label_smoothing = 0;
  // Views of an image whose class scores are averaged in evaluation and prediction: 1, the image;
  // 2, the image and its mirror image.
  int64_t eval_views = 1;
  int64_t eval_every = 1;        // epochs, or steps where train.steps is set
  int64_t checkpoint_every = 1;  // likewise
  int64_t patience = 0;          // evaluations without improvement before stopping; 0: never
  int64_t top_k = 0;             // above 0: also report how often a label is among the k best
  int64_t log_every = 50;        // steps
  bool operator==(const TrainRecipe&) const = default;
};

struct ScheduleRecipe {
  std::string kind = "constant";  // a kind of optim::Schedule, or plateau
  int64_t warmup_steps = 0;
  double warmup_epochs = 0;
  double min_lr = 0;
  double gamma = 0.1;
  int64_t step_size = 1;
  std::vector<int64_t> milestones;  // in steps
  double rise = 0.3;
  double div_factor = 25;
  double final_div_factor = 1e4;
  double factor = 0.1;  // plateau
  int64_t patience = 10;
  bool operator==(const ScheduleRecipe&) const = default;
};

struct Recipe {
  std::string name = "run";  // the run folder is named after it
  Choice model{"lenet", {}};
  DataRecipe data;
  std::vector<Choice> augment;     // in this order
  std::vector<Choice> techniques;  // likewise (train/technique.h)
  Choice optimizer{"adamw", {}};
  ScheduleRecipe schedule;
  TrainRecipe train;

  Arithmetic precision() const;
  bool operator==(const Recipe&) const = default;
};

// Throws Error with file and line for unknown keys (naming the nearest), wrong types and values out
// of range. `settings` are "key=value" and win over the text.
Recipe parse_recipe(std::string_view text, const std::string& name,
                    const std::vector<std::string>& settings = {});
// All keys with their values; parse_recipe gives the same recipe back.
std::string to_toml(const Recipe& recipe);

// The recipe of a file, or of a built-in name such as "mnist-lenet".
Recipe load_recipe(const std::string& file_or_name, const std::vector<std::string>& settings = {});
std::vector<std::string> recipe_names();
std::string_view recipe_text(std::string_view name);  // of a built-in one; empty: there is none

// Environment variables in a path; throws Error(where) naming one that is not set.
std::string expand_path(const std::string& path, std::string_view where = "data.path");

}  // namespace suan::train
