// `suan convert`: a run or a model as an ONNX model, or its weights as safetensors.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <filesystem>

#include "apps/suan/commands.h"
#include "apps/suan/model.h"
#include "suan/base/error.h"
#include "suan/engine/engine_file.h"
#include "suan/formats/onnx/export.h"
#include "suan/formats/safetensors.h"
#include "suan/train/inference.h"

namespace suan::app {
namespace {

namespace fs = std::filesystem;

// What can be made of a source.
struct Source {
  std::function<void(const std::string& path)> write_onnx;
  std::function<formats::NamedArrays()> weights;
};

onnx::ExportedModel export_evaluation(train::LoadedRun& run, const ConvertOptions& options) {
  const onnx::ExportOptions names{
      .opset = options.opset, .input_names = {"input"}, .output_names = {"logits"}};
  const auto trace = [&](int64_t batch) { return run.learner().eval_graph(run.input_type(batch)); };
  if (options.batch == 0 && !run.is_whole()) return onnx::export_batched(trace, names);
  return onnx::export_model(trace(options.batch), names);
}

onnx::ExportedModel export_training(train::LoadedRun& run, const ConvertOptions& options) {
  const int64_t batch = options.batch ? options.batch : run.recipe().train.batch;
  const Graph graph = run.learner().step_graph(run.input_type(batch), run.label_type(batch));
  return onnx::export_model(graph, {.opset = options.opset,
                                    .updates = true,
                                    .input_names = {"input", "label"},
                                    .output_names = {"loss", "logits"}});
}

Source open_run(const ConvertOptions& options) {
  const auto run = std::make_shared<train::LoadedRun>(
      train::RunFolder::open(options.model, options.runs), options.checkpoint);
  Source source;
  source.write_onnx = [run, &options](const std::string& path) {
    if (options.training) return export_training(*run, options).save(path);
    run->learner().evaluating([&] { export_evaluation(*run, options).save(path); });
  };
  source.weights = [run] {
    formats::NamedArrays all;
    run->learner().evaluating([&] {
      for (const StatePtr& s : run->learner().model().module().states()) {
        all.push_back({s->name(), s->array()});
      }
    });
    return all;
  };
  return source;
}

// The model of an ONNX file, or the one that an engine file for open sizes holds.
std::shared_ptr<const onnx::Model> model_of(const std::string& path) {
  if (!is_engine_file(path)) return onnx::Model::load(path);
  const EngineFile file = read_engine_file(path);
  if (!file.model) {
    fail(ErrorCode::kUnsupported, path, "holds programs alone, without the model they are of");
  }
  return file.model;
}

// The model's graph for a batch size, where an input leaves its first size open.
onnx::ExportedModel export_again(const ConvertOptions& options) {
  ConvertOptions sized = options;
  const auto model = model_of(options.model);
  const LoadedModel loaded(model, sized);
  onnx::ExportOptions to{.opset = options.opset};
  bool open = false;
  for (const onnx::Argument& input : model->inputs()) {
    to.input_names.push_back(input.name);
    open = open || (input.ranked && input.shape.rank() > 0 && input.shape[0] < 0);
  }
  for (const onnx::Argument& output : model->outputs()) {
    if (output.kind != TypeKind::tensor) {
      fail(ErrorCode::kUnsupported, "convert", "the output '{}' is no tensor", output.name);
    }
    to.output_names.push_back(output.name);
  }
  const auto trace = [&](int64_t batch) {
    sized.batch = static_cast<int>(batch);
    return model->specialise(loaded.placeholders()).graph;
  };
  if (options.batch == 0 && open) return onnx::export_batched(trace, to);
  return onnx::export_model(trace(options.batch), to);
}

Source open_onnx(const ConvertOptions& options) {
  Source source;
  source.write_onnx = [&options](const std::string& path) { export_again(options).save(path); };
  source.weights = [&options] { return model_of(options.model)->initializers(); };
  return source;
}

// What is neither a file of a known format is a run.
Source open_source(const ConvertOptions& options) {
  const std::string extension = fs::path(options.model).extension();
  if (extension == ".onnx" || extension == ".suan") return open_onnx(options);
  return open_run(options);
}

void write_weights(const std::string& path, const formats::NamedArrays& weights) {
  if (weights.empty()) fail(ErrorCode::kUnsupported, "convert", "the model has no weights");
  formats::write_safetensors(path, {weights, {}});
}

}  // namespace

int run_convert(const ConvertOptions& options) {
  const std::string extension = fs::path(options.output).extension();
  if (extension != ".onnx" && extension != ".safetensors") {
    fail("convert", "the output is '{}', expected a .onnx or .safetensors file", options.output);
  }
  const Source source = open_source(options);
  if (extension == ".onnx") {
    source.write_onnx(options.output);
  } else {
    write_weights(options.output, source.weights());
  }
  const auto bytes = static_cast<int64_t>(fs::file_size(options.output));
  fmt::print("{}: {} bytes\n", options.output, bytes);
  if (options.json) {
    fmt::print("{}\n", json_line({{"output", options.output}, {"bytes", bytes}}));
  }
  return 0;
}

}  // namespace suan::app
