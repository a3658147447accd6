// Runs and models as subjects. The search judges by the validation set, or by half of the test set
// where there is none; the promise is checked on what is left of the test set.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "suan/base/error.h"
#include "suan/formats/npy.h"
#include "suan/formats/onnx/model.h"
#include "suan/formats/safetensors.h"
#include "suan/tensor/trace_function.h"
#include "suan/train/inference.h"

namespace suan::app {
namespace {

using compress::Examples;
using compress::Metric;

// The model's inputs for the x of a batch of data.
using Inputs = std::function<compress::Batch(const Array& x)>;

std::vector<Examples> examples_of(const data::DatasetPtr& set, const train::Task& task,
                                  const Inputs& inputs, int64_t batch, int64_t most) {
  std::vector<Examples> examples;
  for (const data::Batch& b : compress::batches_of(set, task.eval_augment, batch, most)) {
    examples.push_back({inputs(b.x), b.y});
  }
  return examples;
}

compress::Subject with_data(const train::Recipe& recipe, const train::Task& task,
                            const SubjectOptions& options) {
  compress::Subject subject;
  subject.metric = task.classifies ? Metric::accuracy : Metric::perplexity;
  subject.any_batch = recipe.data.kind != "graph";
  Inputs inputs = [](const Array& x) { return compress::Batch{x}; };
  if (!subject.any_batch) {  // what the model reads is data, not weights
    inputs = [&task](const Array& x) {
      compress::Batch arrays;
      for (const Tensor& t : task.model_inputs(Tensor::from(x))) arrays.push_back(t.array());
      return arrays;
    };
  }
  constexpr int64_t kCalibrationBatch = 32, kMostBatch = 250;
  const int64_t batch = std::min<int64_t>(recipe.train.eval_batch, kMostBatch);
  for (const Examples& e :
       examples_of(task.train, task, inputs, kCalibrationBatch, options.samples)) {
    subject.calibration.push_back(e.inputs);
  }
  const auto read = [&](const data::DatasetPtr& set, int64_t most) {
    return examples_of(set, task, inputs, batch, most);
  };
  if (task.valid) {
    subject.search = read(task.valid, options.examples / 2);
    subject.held_out = read(task.test, options.examples / 2);
    return subject;
  }
  const int64_t half = std::min(task.test->size(), options.examples) / 2;
  if (half < 1) fail("compress", "the test set has {} samples", task.test->size());
  subject.search = read(compress::part_of(task.test, 0, 2), half);
  subject.held_out = read(compress::part_of(task.test, 1, 2), half);
  return subject;
}

compress::Subject open_run(const SubjectOptions& options) {
  const auto folder = train::RunFolder::open(options.model, options.runs);
  const auto run = std::make_shared<train::LoadedRun>(folder, options.checkpoint, options.settings);
  train::Recipe recipe = run->recipe();
  if (!options.data.empty()) recipe.data = train::load_recipe(options.data).data;
  const train::Task task = train::make_task(recipe);
  compress::Subject subject = with_data(recipe, task, options);
  subject.name = folder.path();
  if (subject.any_batch) subject.input_names = {"input"};
  subject.output_names = {"logits"};
  std::vector<Type> types;
  if (!subject.any_batch) {
    for (const Array& a : subject.calibration.at(0)) types.emplace_back(a.dtype, a.shape);
  }
  subject.trace = [run, types](int64_t batch) {
    Graph graph;
    run->learner().evaluating([&] {
      train::Learner& learner = run->learner();
      if (types.empty()) {
        graph = learner.eval_graph(run->input_type(batch));
        return;
      }
      const auto scores = [&](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{learner.model()(x)};
      };
      graph = trace_function(scores, types).graph;
    });
    return graph;
  };
  return subject;
}

void name_after(const onnx::Model& model, compress::Subject& subject) {
  for (const onnx::Argument& a : model.inputs()) subject.input_names.push_back(a.name);
  for (const onnx::Argument& a : model.outputs()) subject.output_names.push_back(a.name);
}

std::function<Graph(int64_t)> trace_of(std::shared_ptr<const onnx::Model> model,
                                       std::vector<Type> types) {
  return [model = std::move(model), types = std::move(types)](int64_t batch) {
    std::vector<Type> sized = types;
    for (Type& type : sized) type.shape[0] = batch;
    const onnx::Specialised made = model->specialise(onnx::placeholders(sized));
    onnx::expect_tensors(model->outputs(), made.outputs);
    return made.graph;
  };
}

// `count` samples of an array, every second one from `first` on.
Array part_of(const Array& all, int64_t first, int64_t count) {
  Shape shape = all.shape;
  shape[0] = count;
  Array part(all.dtype, shape);
  const size_t row = all.bytes() / static_cast<size_t>(all.shape[0]);
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(part.as<char>() + static_cast<size_t>(i) * row,
                all.as<char>() + static_cast<size_t>(first + 2 * i) * row, row);
  }
  return part;
}

// A file's array of samples for each input of the model, and perhaps `labels`.
class Samples {
 public:
  Samples(const onnx::Model& model, const SubjectOptions& options)
      : file_(options.data),
        arrays_(options.data.ends_with(".npz") ? formats::read_npz(options.data)
                                               : formats::read_safetensors(options.data).tensors) {
    for (const onnx::Argument& input : model.inputs()) {
      const Array* array = formats::find(arrays_, input.name);
      if (!array) fail("compress", "{} has no array '{}' for that input", file_, input.name);
      expect_samples(input.name, *array);
      inputs_.push_back(*array);
      types_.emplace_back(array->dtype, array->shape);
      if (!onnx::accepts(input, types_.back())) {
        fail("compress", "{}: input '{}' does not take the data, which is {}", options.model,
             input.name, to_string(types_.back()));
      }
    }
    labels_ = formats::find(arrays_, "labels");
    if (!labels_) return;
    expect_samples("labels", *labels_);
    if (labels_->dtype != DType::i64) {
      fail("compress", "{}: 'labels' is {}, expected i64", file_, name(labels_->dtype));
    }
  }
  int64_t count() const { return inputs_.at(0).shape[0]; }
  bool labelled() const { return labels_; }
  const std::vector<Type>& types() const { return types_; }
  Examples examples(int64_t first, int64_t count) const {
    Examples part;
    for (const Array& a : inputs_) part.inputs.push_back(part_of(a, first, count));
    if (labels_) part.labels = part_of(*labels_, first, count);
    return part;
  }
  // Whole batches of `samples` samples, every second one from `first` on: they may be in the order
  // of their classes.
  std::vector<Examples> batches(int64_t first, int64_t samples, int64_t batch) const {
    batch = std::min(batch, samples);
    std::vector<Examples> all;
    for (int64_t i = 0; i + batch <= samples; i += batch) {
      all.push_back(examples(first + 2 * i, batch));
    }
    return all;
  }

 private:
  void expect_samples(const std::string& name, const Array& array) const {
    if (array.shape.rank() == 0 || array.shape[0] == 0) {
      fail("compress", "{}: '{}' has no samples", file_, name);
    }
    if (!inputs_.empty() && array.shape[0] != count()) {
      fail("compress", "{}: '{}' has {} samples, expected {}", file_, name, array.shape[0],
           count());
    }
  }
  std::string file_;
  formats::NamedArrays arrays_;
  std::vector<Array> inputs_;
  std::vector<Type> types_;
  const Array* labels_ = nullptr;
};

// A model with samples of its inputs: every second one calibrates and guides the search, the others
// are held out. Without labels outputs are compared with the original's.
compress::Subject open_arrays(const SubjectOptions& options) {
  const auto model = onnx::Model::load(options.model);
  const Samples samples(*model, options);
  compress::Subject subject;
  subject.name = options.model;
  name_after(*model, subject);
  subject.metric = samples.labelled() ? Metric::accuracy : Metric::cosine;
  constexpr int64_t kBatch = 8;
  const int64_t count = std::min(samples.count(), options.examples), half = count / 2;
  if (half < 1) fail("compress", "{} has {} samples, expected 2 or more", options.data, count);
  for (const Examples& e : samples.batches(0, std::min(half, options.samples), kBatch)) {
    subject.calibration.push_back(e.inputs);
  }
  subject.search = samples.batches(0, half, kBatch);
  subject.held_out = samples.batches(1, half, kBatch);
  subject.trace = trace_of(model, samples.types());
  return subject;
}

compress::Subject open_model(const SubjectOptions& options) {
  if (options.data.empty()) {
    fail("compress",
         "{} brings no data: give a recipe, or a file with samples of its inputs, as --data",
         options.model);
  }
  if (options.data.ends_with(".npz") || options.data.ends_with(".safetensors")) {
    return open_arrays(options);
  }
  train::Recipe recipe = train::load_recipe(options.data, options.settings);
  const train::Task task = train::make_task(recipe);
  compress::Subject subject = with_data(recipe, task, options);
  const std::shared_ptr<const onnx::Model> model = onnx::Model::load(options.model);
  if (model->inputs().size() != 1) {
    fail("compress", "{} has {} inputs, expected one", options.model, model->inputs().size());
  }
  const Array& x = subject.calibration.at(0).at(0);
  const Type sample(x.dtype, x.shape);
  if (!onnx::accepts(model->inputs()[0], sample)) {
    fail("compress", "{}: input '{}' does not take the data, which is {}", options.model,
         model->inputs()[0].name, to_string(sample));
  }
  subject.name = options.model;
  name_after(*model, subject);
  subject.trace = trace_of(model, {sample});
  return subject;
}

}  // namespace

compress::Subject open_subject(const SubjectOptions& options) {
  return options.model.ends_with(".onnx") ? open_model(options) : open_run(options);
}

}  // namespace suan::app
