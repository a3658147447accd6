// Choosing a task by the kind of its data, and images.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/task.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/data/cifar_binary.h"
#include "suan/data/digits.h"
#include "suan/data/image_folder.h"
#include "suan/data/mnist.h"
#include "suan/train/internal/tasks.h"
#include "suan/train/make.h"

namespace suan::train {
namespace {

constexpr int64_t kDigits = 20'000, kTestDigits = 5'000;
constexpr uint64_t kTestDigitsSeed = 1'000'003;  // other digits than any training set's first seeds

class FirstSamples : public data::Dataset {
 public:
  FirstSamples(data::DatasetPtr dataset, int64_t count)
      : dataset_(std::move(dataset)), count_(std::min(count, dataset_->size())) {}
  int64_t size() const override { return count_; }
  data::SampleSpec spec() const override { return dataset_->spec(); }
  void read(int64_t index, Random& random, void* x, void* y) const override {
    dataset_->read(index, random, x, y);
  }
  const std::vector<std::string>& classes() const override { return dataset_->classes(); }

 private:
  data::DatasetPtr dataset_;
  int64_t count_;
};

std::string path_of(const Recipe& recipe) {
  if (recipe.data.path.empty()) fail("data.path", "is empty, and {} needs one", recipe.data.kind);
  return expand_path(recipe.data.path);
}

std::pair<data::DatasetPtr, data::DatasetPtr> open_images(const Recipe& recipe) {
  const DataRecipe& d = recipe.data;
  if (d.kind == "digits") {
    constexpr int64_t kMost = 2'000'000;  // 1.6 GB
    for (const auto& [key, count] : {std::pair{"data.train_samples", d.train_samples},
                                     std::pair{"data.test_samples", d.test_samples}}) {
      if (count > kMost) fail(key, "is {}, expected at most {} of digits", count, kMost);
    }
    return {data::digits(d.train_samples ? d.train_samples : kDigits),
            data::digits(d.test_samples ? d.test_samples : kTestDigits, kTestDigitsSeed)};
  }
  const std::string path = path_of(recipe);
  if (d.kind == "mnist") {
    return {data::mnist(path), data::mnist(path, data::Split::test)};
  }
  if (d.kind == "cifar10") {
    return {data::cifar_binary(path), data::cifar_binary(path, data::Split::test)};
  }
  data::ImageFolderOptions options{.height = d.height, .width = d.width};
  options.channels = static_cast<int64_t>(std::max<size_t>(d.mean.size(), 1));
  const auto train = std::make_shared<data::ImageFolder>(path, "train", options);
  options.classes = train->classes();
  return {train, std::make_shared<data::ImageFolder>(path, "test", options)};
}

}  // namespace

data::DatasetPtr first_samples(data::DatasetPtr dataset, int64_t count) {
  if (count == 0 || count >= dataset->size()) return dataset;
  return std::make_shared<FirstSamples>(std::move(dataset), count);
}

void default_option(Recipe& recipe, const std::string& name, int64_t value) {
  recipe.model.options.try_emplace(name, Option{std::to_string(value), false, recipe.data.kind});
}

Task make_image_inputs(const Recipe& recipe) {
  Task task;
  data::Normalize normalize;
  normalize.mean.assign(recipe.data.mean.begin(), recipe.data.mean.end());
  normalize.std.assign(recipe.data.std.begin(), recipe.data.std.end());
  task.train_augment = make_augment(recipe.augment, normalize);
  task.eval_augment.normalize = normalize;
  if (recipe.data.mixup > 0) task.mix = data::Mixup{static_cast<float>(recipe.data.mixup)};
  if (recipe.data.cutmix > 0) task.mix = data::CutMix{static_cast<float>(recipe.data.cutmix)};
  task.model_inputs = [](const Tensor& x) { return std::vector<Tensor>{x}; };
  return task;
}

Task make_image_task(const Recipe& recipe) {
  Task task = make_image_inputs(recipe);
  auto [train, test] = open_images(recipe);
  task.train = first_samples(train, recipe.data.train_samples);
  task.test = first_samples(test, recipe.data.test_samples);
  task.classes = train->spec().classes;
  task.class_names = train->classes();
  if (task.class_names.empty()) {
    for (int64_t k = 0; k < task.classes; ++k) task.class_names.push_back(std::to_string(k));
  }
  return task;
}

bool has_validation(const Recipe& recipe) {
  return recipe.data.kind == "sentences" || recipe.data.kind == "graph";
}

Task make_input_task(const Recipe& recipe) {
  if (recipe.data.kind == "text") return make_text_inputs(recipe);
  if (recipe.data.kind == "sentences") return make_sentence_inputs();
  if (recipe.data.kind == "csv") return make_table_inputs();
  // A graph is part of its model.
  if (recipe.data.kind == "graph") {
    Recipe with_data = recipe;
    return make_graph_task(with_data);
  }
  return make_image_inputs(recipe);
}

namespace {

Task open_task(Recipe& recipe) {
  if (recipe.data.kind == "text") return make_text_task(recipe);
  if (recipe.data.kind == "sentences") return make_sentence_task(recipe);
  if (recipe.data.kind == "graph") return make_graph_task(recipe);
  if (recipe.data.kind == "csv") return make_table_task(recipe);
  return make_image_task(recipe);
}

}  // namespace

Task make_task(Recipe& recipe) {
  Task task = open_task(recipe);
  if (task.train->size() == 0 || task.test->size() == 0) {
    fail("data", "the training set has {} samples and the test set {}, expected at least one each",
         task.train->size(), task.test->size());
  }
  return task;
}

}  // namespace suan::train
