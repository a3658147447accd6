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

compress::Subject with_data(const train::Recipe& recipe, const train::Task& task,
                            const SubjectOptions& options) {
  compress::Subject subject;
  subject.classifies = task.classifies;
  subject.any_batch = recipe.data.kind != "graph";
  const int64_t batch = std::min<int64_t>(recipe.train.eval_batch, 250);
  const auto read = [&](const data::DatasetPtr& set, int64_t most) {
    return compress::batches_of(set, task.eval_augment, batch, most);
  };
  constexpr int64_t kCalibrationBatch = 32;
  if (!subject.any_batch) {  // what the model reads is data, not weights
    subject.inputs = [read_inputs = task.model_inputs](const Array& x) {
      compress::Batch arrays;
      for (const Tensor& t : read_inputs(Tensor::from(x))) arrays.push_back(t.array());
      return arrays;
    };
  }
  for (const data::Batch& b :
       compress::batches_of(task.train, task.eval_augment, kCalibrationBatch, options.samples)) {
    subject.calibration.push_back(subject.inputs ? subject.inputs(b.x) : compress::Batch{b.x});
  }
  if (task.valid) {
    subject.search = read(task.valid, options.examples / 2);
    subject.held_out = read(task.test, options.examples / 2);
    return subject;
  }
  const int64_t half = std::min(task.test->size(), options.examples) / 2;
  if (half < 1) fail("compress", "the test set has {} samples", task.test->size());
  subject.search = read(compress::part_of(task.test, 0, half), half);
  subject.held_out = read(compress::part_of(task.test, half, 2 * half), half);
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
  for (const Array& a : subject.inputs ? subject.calibration.at(0) : compress::Batch()) {
    types.emplace_back(a.dtype, a.shape);
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
    std::vector<onnx::Value> inputs;
    for (Type type : types) {
      type.shape[0] = batch;
      inputs.emplace_back(make_input(type, ""));
    }
    const onnx::Specialised made = model->specialise(inputs);
    onnx::expect_tensors(model->outputs(), made.outputs);
    return made.graph;
  };
}

// Samples [first, first + count) of an array.
Array part_of(const Array& all, int64_t first, int64_t count) {
  Shape shape = all.shape;
  shape[0] = count;
  Array part(all.dtype, shape);
  const size_t row = all.bytes() / static_cast<size_t>(all.shape[0]);
  std::memcpy(part.buffer->data(), all.as<char>() + static_cast<size_t>(first) * row, part.bytes());
  return part;
}

// A model with samples of its inputs, without labels.
compress::Subject open_arrays(const SubjectOptions& options) {
  const auto model = onnx::Model::load(options.model);
  const formats::NamedArrays arrays = options.data.ends_with(".npz")
                                          ? formats::read_npz(options.data)
                                          : formats::read_safetensors(options.data).tensors;
  compress::Subject subject;
  subject.name = options.model;
  name_after(*model, subject);
  std::vector<Array> inputs;
  std::vector<Type> types;
  for (const onnx::Argument& input : model->inputs()) {
    const Array* array = formats::find(arrays, input.name);
    if (!array) fail("compress", "{} has no array '{}' for that input", options.data, input.name);
    if (array->shape.rank() == 0 || array->shape[0] == 0) {
      fail("compress", "{}: '{}' has no samples", options.data, input.name);
    }
    if (!inputs.empty() && array->shape[0] != inputs[0].shape[0]) {
      fail("compress", "{}: '{}' has {} samples, expected {}", options.data, input.name,
           array->shape[0], inputs[0].shape[0]);
    }
    inputs.push_back(*array);
    types.emplace_back(array->dtype, array->shape);
    if (!onnx::accepts(input, types.back())) {
      fail("compress", "{}: input '{}' does not take the data, which is {}", options.model,
           input.name, to_string(types.back()));
    }
  }
  constexpr int64_t kBatch = 8;
  const int64_t samples = std::min(options.samples, inputs.at(0).shape[0]);
  const int64_t batch = std::min(kBatch, samples);
  for (int64_t i = 0; i + batch <= samples; i += batch) {
    compress::Batch part;
    for (const Array& a : inputs) part.push_back(part_of(a, i, batch));
    subject.calibration.push_back(std::move(part));
  }
  subject.trace = trace_of(model, types);
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
