// Task: the data of a recipe and how a model reads it. What differs between images, text, sentences
// and graphs is here; the training loop knows none of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "suan/data/augment.h"
#include "suan/data/dataset.h"
#include "suan/data/loader.h"
#include "suan/graph/tensor.h"
#include "suan/train/recipe.h"

namespace suan::train {

struct Task {
  data::DatasetPtr train, test;
  data::DatasetPtr valid;  // null: the task has none, and nothing is selected by the test set
  data::Augment train_augment, eval_augment;
  data::Mix mix;
  // The model's inputs from a batch's x; becomes part of the compiled step.
  std::function<std::vector<Tensor>(const Tensor& x)> model_inputs;
  std::string unit = "images";   // what a sample is called: images, sentences, tokens, nodes
  int64_t units_per_sample = 1;  // tokens in a window
  bool classifies = true;        // else it predicts tokens: the loss is the metric
  int64_t classes = 0;
  std::vector<std::string> class_names;  // or empty
  std::vector<std::string> vocabulary;   // characters or words by token, or empty
};

// Opens the data of a recipe. Options of the model that follow from the data (`vocabulary`,
// `context`, `features`, `classes`) are added to the recipe where it does not give them. Throws
// Error naming the file or key.
Task make_task(Recipe& recipe);
// The same without opening any data: what is needed to use a trained model. Class names and
// vocabulary are the checkpoint's.
Task make_input_task(const Recipe& recipe);
// Whether its data has a validation set, by which weights are chosen.
bool has_validation(const Recipe& recipe);

// Tokens of a sentence: lower-case words by their number in the vocabulary (0 padding, 1 unknown),
// cut or padded to `length`.
std::vector<int64_t> encode_sentence(const std::string& text,
                                     const std::vector<std::string>& vocabulary, int64_t length);

}  // namespace suan::train
