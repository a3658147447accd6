// The tasks, one function each; see task.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/train/task.h"

namespace suan::train {

Task make_image_task(const Recipe& recipe);
Task make_text_task(Recipe& recipe);
Task make_sentence_task(Recipe& recipe);
Task make_graph_task(Recipe& recipe);
Task make_table_task(const Recipe& recipe);

Task make_image_inputs(const Recipe& recipe);
Task make_text_inputs(const Recipe& recipe);
Task make_sentence_inputs();
Task make_table_inputs();

// The first `count` samples of a dataset; all of them for 0.
data::DatasetPtr first_samples(data::DatasetPtr dataset, int64_t count);
// Gives the model an option unless the recipe does.
void default_option(Recipe& recipe, const std::string& name, int64_t value);

}  // namespace suan::train
