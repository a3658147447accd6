// One subject for all stages.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>

#include "apps/suan/compile.h"
#include "apps/suan/subject.h"
#include "suan/base/error.h"
#include "suan/engine/engine.h"

namespace suan::app {
namespace {

double bytes_of(const std::string& path) {
  return static_cast<double>(std::filesystem::file_size(path));
}

std::vector<onnx::Value> values_of(const compress::Batch& inputs) {
  std::vector<onnx::Value> values;
  for (const Array& array : inputs) values.emplace_back(Tensor::from(array));
  return values;
}

// "input=1x1x28x28"
std::string shape_setting(const std::string& name, Shape shape, int64_t batch) {
  shape[0] = batch;
  std::string sizes;
  for (const int64_t size : shape) sizes += fmt::format("{}{}", sizes.empty() ? "" : "x", size);
  return name + "=" + sizes;
}

// An engine file for one sample and for batches of the held-out data.
void compile(const std::string& model, const std::string& output, const compress::Examples& held) {
  CompileCommandOptions options;
  options.output = output;
  const auto loaded = onnx::Model::load(model);
  for (const int64_t batch : {int64_t{1}, held.count()}) {
    for (size_t i = 0; i < held.inputs.size(); ++i) {
      options.shapes.push_back(
          shape_setting(loaded->inputs()[i].name, held.inputs[i].shape, batch));
    }
  }
  compile_to_file(loaded, options);
}

// The shortest time of a run on one sample.
double seconds_of(Engine& engine, const compress::Batch& inputs) {
  constexpr int kRuns = 200;
  std::vector<Binding> arguments, results(engine.outputs().size());
  for (const Array& array : inputs) {
    Type type(array.dtype, array.shape);
    type.shape[0] = 1;  // the first sample
    arguments.push_back({type, array.buffer->data(), type.bytes()});
  }
  engine.run(arguments, results);  // allocates memory for the results, which the others use too
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    engine.run(arguments, results);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    least = std::min(least, took.count());
  }
  return least;
}

double accuracy_of(Engine& engine, const std::vector<compress::Examples>& held) {
  const auto outputs = [&engine](const compress::Batch& inputs) {
    std::vector<Array> arrays;
    for (const onnx::Value& value : engine.run(values_of(inputs))) {
      arrays.push_back(value.tensor.array());
    }
    return arrays;
  };
  return compress::Judge(held, compress::Metric::accuracy, outputs).original();
}

}  // namespace

std::vector<train::ReportStage> deploy(const std::string& run, double max_drop,
                                       const std::atomic<bool>* stop) {
  const std::string model = run + "/model.onnx", compressed = run + "/compressed.onnx",
                    engine_file = run + "/compressed.suan";
  compress::Subject subject = open_subject({.model = run});
  if (subject.metric != compress::Metric::accuracy) fail("deploy", "the model does not classify");
  const std::vector<compress::Examples> held = subject.held_out;
  compress::Compressor compressor(std::move(subject), {.max_drop = max_drop, .stop = stop});
  const compress::Outcome found = compressor.search();
  if (found.result.stopped) fail(ErrorCode::kCancelled, "deploy", "stopped");
  const compress::Assignment whole(found.layers.size(), compress::LayerPrecision::f32);
  const compress::Assignment& chosen = found.kept ? found.chosen : whole;
  compressor.exported(compressor.builder(whole)).save(model);
  compressor.exported(compressor.builder(chosen)).save(compressed);
  compile(compressed, engine_file, held.at(0));
  const auto engine = Engine::load(engine_file);
  return {{"trained", model, found.metric_before, bytes_of(model), found.seconds_before},
          {"compressed", compressed, found.kept ? found.metric_after : found.metric_before,
           bytes_of(compressed), found.kept ? found.seconds_after : found.seconds_before},
          {"compiled", engine_file, accuracy_of(*engine, held), bytes_of(engine_file),
           seconds_of(*engine, held.at(0).inputs)}};
}

}  // namespace suan::app
