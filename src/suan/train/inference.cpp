// Using a trained model.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/inference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "suan/base/error.h"
#include "suan/data/augment.h"
#include "suan/formats/image.h"
#include "suan/formats/text.h"
#include "suan/program/program.h"
#include "suan/train/checkpoint.h"

namespace suan::train {
namespace {

std::string choose_checkpoint(const RunFolder& folder, const std::string& choice) {
  if (choice == "last") return folder.last();
  if (choice == "best") return folder.best();
  if (!choice.empty()) fail("checkpoint", "is '{}', expected last or best", choice);
  return folder.weights();
}

std::vector<double> softmax_of(std::span<const float> logits, double temperature = 1) {
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const float v : logits) {
    p.push_back(std::exp((v - top) / temperature));
    sum += p.back();
  }
  for (double& v : p) v /= sum;
  return p;
}

int64_t sample(const std::vector<double>& p, double u) {
  for (size_t i = 0; i + 1 < p.size(); ++i) {
    if (u < p[i]) return static_cast<int64_t>(i);
    u -= p[i];
  }
  return static_cast<int64_t>(p.size()) - 1;
}

// Bilinear, with pixel centres at half coordinates.
Array resized(const Array& image, int64_t height, int64_t width) {
  const int64_t h = image.shape[0], w = image.shape[1], c = image.shape[2];
  if (h == height && w == width) return image;
  Array out(DType::u8, {height, width, c});
  const auto scale_y = static_cast<double>(h) / static_cast<double>(height);
  const auto scale_x = static_cast<double>(w) / static_cast<double>(width);
  for (int64_t y = 0; y < height; ++y) {
    const double fy =
        std::clamp((static_cast<double>(y) + 0.5) * scale_y - 0.5, 0.0, static_cast<double>(h - 1));
    const auto y0 = static_cast<int64_t>(fy), y1 = std::min(y0 + 1, h - 1);
    for (int64_t x = 0; x < width; ++x) {
      const double fx = std::clamp((static_cast<double>(x) + 0.5) * scale_x - 0.5, 0.0,
                                   static_cast<double>(w - 1));
      const auto x0 = static_cast<int64_t>(fx), x1 = std::min(x0 + 1, w - 1);
      const double ty = fy - static_cast<double>(y0), tx = fx - static_cast<double>(x0);
      for (int64_t k = 0; k < c; ++k) {
        const auto at = [&](int64_t a, int64_t b) {
          return static_cast<double>(image.as<uint8_t>()[(a * w + b) * c + k]);
        };
        const double v = (at(y0, x0) * (1 - tx) + at(y0, x1) * tx) * (1 - ty) +
                         (at(y1, x0) * (1 - tx) + at(y1, x1) * tx) * ty;
        out.as<uint8_t>()[(y * width + x) * c + k] = static_cast<uint8_t>(std::lround(v));
      }
    }
  }
  return out;
}

// What a model of the recipe takes: [channels, height, width].
Shape image_shape(const Recipe& recipe) {
  const auto channels = static_cast<int64_t>(recipe.data.mean.size());
  if (recipe.data.kind == "digits" || recipe.data.kind == "mnist") return {1, 28, 28};
  if (recipe.data.kind == "cifar10") return {3, 32, 32};
  if (recipe.data.kind != "images")
    fail("predict", "a model of {} takes no images", recipe.data.kind);
  const int64_t side = 32;  // the size of images whose recipe does not say it
  return {channels, recipe.data.height ? recipe.data.height : side,
          recipe.data.width ? recipe.data.width : side};
}

}  // namespace

LoadedRun::LoadedRun(const RunFolder& folder, const std::string& checkpoint,
                     const std::vector<std::string>& settings)
    : recipe_(folder.recipe(settings)) {
  folder.use_kernels();
  const std::string file = choose_checkpoint(folder, checkpoint);
  const Checkpoint saved = read_checkpoint(file);
  task_ = make_input_task(recipe_);
  task_.class_names = saved.class_names;
  task_.vocabulary = saved.vocabulary;
  task_.classes =
      static_cast<int64_t>(task_.classifies ? saved.class_names.size() : saved.vocabulary.size());
  learner_ = std::make_unique<Learner>(recipe_, task_, file);
  load_checkpoint(file, learner_->states());
}

Type LoadedRun::input_type(int64_t batch) const {
  const std::string& kind = recipe_.data.kind;
  if (kind == "text" || kind == "sentences") return {DType::i64, {batch, recipe_.data.context}};
  if (kind == "graph") return {DType::f32, {1, 1}};
  if (kind == "csv") {  // a row has as many columns as the first weights
    return {DType::f32,
            {batch, learner_->model().module().parameters().at(0)->type().shape.back()}};
  }
  Shape shape = image_shape(recipe_);
  shape.insert(0, batch);
  return {DType::f32, shape};
}

Type LoadedRun::label_type(int64_t batch) const {
  const std::string& kind = recipe_.data.kind;
  if (kind == "text") return {DType::i64, {batch, recipe_.data.context}};
  if (kind == "graph") return {DType::i64, {1, task_.units_per_sample}};
  return {DType::i64, {batch}};
}

Evaluation LoadedRun::evaluate(const Recipe& data, ConfusionMatrix* matrix) {
  Recipe with_data = recipe_;
  with_data.data = data.data;
  Task task = make_task(with_data);
  if (task.classifies != task_.classifies || task.classes != task_.classes) {
    fail("eval", "the data has {} classes, the run's model {}", task.classes, task_.classes);
  }
  data::LoaderOptions options;
  options.batch = std::min(recipe_.train.eval_batch, task.test->size());
  options.workers = static_cast<int>(recipe_.data.workers);
  options.augment = task.eval_augment;
  data::Loader loader(task.test, options);
  const Evaluation evaluation = learner_->evaluate(loader, matrix);
  flops_per_batch_ = learner_->eval_flops();
  batches_ = loader.batches();
  return evaluation;
}

Prediction LoadedRun::predict(const Array& x) {
  const Array logits = learner_->logits(x);
  Prediction p;
  p.probabilities = softmax_of(logits.span<float>());
  p.label =
      std::max_element(p.probabilities.begin(), p.probabilities.end()) - p.probabilities.begin();
  p.probability = p.probabilities[static_cast<size_t>(p.label)];
  const auto index = static_cast<size_t>(p.label);
  p.name = index < task_.class_names.size() ? task_.class_names[index] : std::to_string(p.label);
  return p;
}

Prediction LoadedRun::predict_image(const Array& image) {
  const Shape shape = image_shape(recipe_);
  if (image.shape[2] != shape[0]) {
    fail("predict", "the image has {} channels, the model takes {}", image.shape[2], shape[0]);
  }
  const Array scaled = resized(image, shape[1], shape[2]);
  const data::AugmentPlan plan(task_.eval_augment, scaled.shape);
  Array x(DType::f32, {1, shape[0], shape[1], shape[2]});
  Random unused(0);
  plan.apply(scaled.as<uint8_t>(), unused, x.as<float>());
  return predict(x);
}

Prediction LoadedRun::predict_sentence(const std::string& text) {
  if (recipe_.data.kind != "sentences") {
    fail("predict", "a model of {} takes no sentences", recipe_.data.kind);
  }
  const auto tokens = encode_sentence(text, task_.vocabulary, recipe_.data.context);
  return predict(Array::of(std::span<const int64_t>(tokens), Shape{1, recipe_.data.context}));
}

void LoadedRun::generate(const std::string& prompt, int64_t tokens, double temperature,
                         uint64_t seed, const std::function<void(const std::string&)>& out) {
  if (task_.classifies) fail("generate", "the run's model classifies, it does not generate");
  const formats::CharVocabulary vocabulary(task_.vocabulary);
  const int64_t context = recipe_.data.context;
  const Array encoded = vocabulary.encode(prompt.empty() ? task_.vocabulary.front() : prompt);
  std::vector<int64_t> history;
  for (const int32_t token : encoded.span<int32_t>()) history.push_back(token);
  Random random(seed);
  for (int64_t i = 0; i < tokens; ++i) {
    // The window stays full-sized, so one program serves all positions; what lies behind the last
    // token does not reach it.
    const auto used = std::min<int64_t>(context, static_cast<int64_t>(history.size()));
    Array x(DType::i64, {1, context});
    std::fill_n(x.as<int64_t>(), context, 0);
    std::copy(history.end() - used, history.end(), x.as<int64_t>());
    const Array logits = learner_->logits(x);
    const int64_t classes = logits.shape.back();
    const auto last = logits.span<float>().subspan(static_cast<size_t>((used - 1) * classes),
                                                   static_cast<size_t>(classes));
    const int64_t token = temperature == 0
                              ? std::max_element(last.begin(), last.end()) - last.begin()
                              : sample(softmax_of(last, temperature), random.uniform());
    history.push_back(token);
    out(vocabulary.decode(std::span<const int64_t>(&token, 1)));
  }
}

}  // namespace suan::train
