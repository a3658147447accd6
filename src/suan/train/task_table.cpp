// Classifying the rows of CSV files: train.csv and test.csv of one folder.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/base/error.h"
#include "suan/formats/csv.h"
#include "suan/train/internal/tasks.h"

namespace suan::train {
namespace {

// The labels as places in `classes`; with no names they are numbers already.
void number_labels(formats::CsvTable& table, const std::string& path,
                   const std::vector<std::string>& classes, int64_t count) {
  for (int64_t& label : table.labels.span<int64_t>()) {
    if (table.classes.empty() != classes.empty()) {
      fail(ErrorCode::kBadFile, path, "its labels are {}, those of the training set {}",
           classes.empty() ? "names" : "numbers", classes.empty() ? "numbers" : "names");
    }
    if (!classes.empty()) {
      const std::string& name = table.classes[static_cast<size_t>(label)];
      label = std::find(classes.begin(), classes.end(), name) - classes.begin();
      if (label == count) fail(ErrorCode::kOutOfRange, path, "the label '{}' is no class", name);
    }
    if (label < 0 || label >= count) {
      fail(ErrorCode::kOutOfRange, path, "the label {} is out of range for {} classes", label,
           count);
    }
  }
}

data::DatasetPtr dataset_of(const formats::CsvTable& table, int64_t classes) {
  return std::make_shared<data::ArrayDataset>(table.values, table.labels,
                                              data::ArrayDataset::Options{.num_classes = classes});
}

}  // namespace

Task make_table_inputs() {
  Task task;
  task.model_inputs = [](const Tensor& x) { return std::vector<Tensor>{x}; };
  task.unit = "rows";
  return task;
}

Task make_table_task(const Recipe& recipe) {
  constexpr int64_t kMostClasses = 30'000;
  if (recipe.data.path.empty()) fail("data.path", "is empty, and csv needs one");
  if (recipe.data.label.empty()) fail("data.label", "is empty, expected the name of a column");
  const std::string folder = expand_path(recipe.data.path);
  const formats::CsvOptions options{.label = recipe.data.label};
  const std::string train_path = folder + "/train.csv", test_path = folder + "/test.csv";
  formats::CsvTable train = formats::read_csv(train_path, options);
  formats::CsvTable test = formats::read_csv(test_path, options);
  if (test.columns != train.columns) {
    fail(ErrorCode::kBadFile, test_path, "has other columns than {}", train_path);
  }
  const std::span<const int64_t> labels = train.labels.span<int64_t>();
  if (labels.empty()) fail(ErrorCode::kBadFile, train_path, "has no rows");
  const std::vector<std::string> names = train.classes;
  const int64_t largest = *std::max_element(labels.begin(), labels.end());
  const int64_t classes = std::min(largest, kMostClasses - 1) + 1;
  number_labels(train, train_path, names, classes);
  number_labels(test, test_path, names, classes);
  Task task = make_table_inputs();
  task.train = first_samples(dataset_of(train, classes), recipe.data.train_samples);
  task.test = first_samples(dataset_of(test, classes), recipe.data.test_samples);
  task.classes = classes;
  task.class_names = names;
  for (int64_t k = 0; names.empty() && k < classes; ++k) {
    task.class_names.push_back(std::to_string(k));
  }
  return task;
}

}  // namespace suan::train
