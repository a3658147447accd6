// `suan convert`: a run, a model or weights in another format. Each of these is a Source, which
// says what can be made of it.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "apps/suan/commands.h"
#include "apps/suan/compile.h"
#include "apps/suan/model.h"
#include "suan/base/error.h"
#include "suan/engine/export_program.h"
#include "suan/formats/onnx/export.h"
#include "suan/formats/safetensors.h"
#include "suan/train/inference.h"

namespace suan::app {
namespace {

namespace fs = std::filesystem;
using ModelPtr = std::shared_ptr<const onnx::Model>;

// What can be made of a source.
struct Source {
  std::function<void(const std::string& path)> write_onnx;
  std::function<ModelPtr()> model;  // to compile
  std::function<formats::NamedArrays()> weights;
};

// With `batch` 0 for any batch size, unless there is but one sample.
onnx::ExportedModel export_evaluation(train::LoadedRun& run, int64_t opset, int64_t batch) {
  const onnx::ExportOptions names{
      .opset = opset, .input_names = {"input"}, .output_names = {"logits"}};
  const auto trace = [&](int64_t size) { return run.learner().eval_graph(run.input_type(size)); };
  if (batch == 0 && !run.is_whole()) return onnx::export_batched(trace, names);
  return onnx::export_model(trace(batch), names);
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
    run->learner().evaluating(
        [&] { export_evaluation(*run, options.opset, options.batch).save(path); });
  };
  source.model = [run, &options] {
    ModelPtr model;
    run->learner().evaluating([&] {
      model =
          onnx::Model::assemble(export_evaluation(*run, options.opset, 0).parts(), options.model);
    });
    return model;
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

// The graph of the model for these sizes, or where an input leaves its first size open, for any.
onnx::ExportedModel export_again(const ModelFile& file, const ConvertOptions& options) {
  const onnx::ExportOptions to = onnx::named_after(file.inputs(), file.outputs(), options.opset);
  const auto trace = [&](int64_t batch) {
    ConvertOptions sized = options;
    sized.batch = static_cast<int>(batch);
    const onnx::Specialised made = file.model->specialise(file.arguments(sized).placeholders());
    onnx::expect_tensors(file.outputs(), made.outputs);
    return made.graph;
  };
  const OpenSizes sizes(file.inputs(), options);
  const auto is_open = [&](const onnx::Argument& input) {
    return input.ranked && input.shape.rank() > 0 && input.shape[0] < 0 &&
           sizes.of(input.shape[0], 0) == 0;
  };
  const bool open = std::any_of(file.inputs().begin(), file.inputs().end(), is_open);
  if (open) return onnx::export_batched(trace, to);
  return onnx::export_model(trace(options.batch), to);
}

// The program that --batch and --dim mean, of a file that has no model.
onnx::ExportedModel export_compiled(const ModelFile& file, const ConvertOptions& options) {
  refuse_unused(options, {"--input", "--loop-limit"}, "on programs alone");
  const OpenSizes sizes(file.inputs(), options);
  std::vector<onnx::Argument> wanted = file.inputs();
  for (onnx::Argument& input : wanted) {
    for (int i = 0; i < input.shape.rank(); ++i) {
      const int64_t size = input.shape[i] < 0 ? sizes.of(input.shape[i], i) : 0;
      if (size > 0) input.shape[i] = size;
    }
  }
  return export_program(*file.compiled, find_program(*file.compiled, wanted, file.path),
                        options.opset);
}

Source open_model(const ConvertOptions& options) {
  const auto file = std::make_shared<const ModelFile>(options);
  Source source;
  source.write_onnx = [file, &options](const std::string& path) {
    (file->model ? export_again(*file, options) : export_compiled(*file, options)).save(path);
  };
  source.model = [file] { return file->model_to("compile"); };
  source.weights = [file] { return file->model_to("take the weights of")->initializers(); };
  return source;
}

// Weights in a file of their own, put into the model that --model names.
Source open_weights(const ConvertOptions& options) {
  if (options.model_of_weights.empty()) {
    fail("convert", "{} holds weights alone: give the model they are of as --model MODEL.onnx",
         options.model);
  }
  ModelOptions other = options;
  other.model = options.model_of_weights;
  ModelPtr model =
      ModelFile(other)
          .model_to("put weights into")
          ->with_initializers(formats::read_safetensors(options.model).tensors, options.model);
  Source source;
  source.write_onnx = [model](const std::string& path) { model->save(path); };
  source.model = [model] { return model; };
  return source;
}

// What is converted into what: bits of Use::ways.
constexpr unsigned kRunToOnnx = 1, kRunToEngine = 2, kRunToWeights = 4;
constexpr unsigned kModelToOnnx = 8, kModelToEngine = 16, kModelToWeights = 32;
constexpr unsigned kWeightsToOnnx = 64, kWeightsToEngine = 128;
constexpr unsigned kToEngine = kRunToEngine | kModelToEngine | kWeightsToEngine;

struct Use {
  const char* option;
  unsigned ways;  // in which it has an effect
};
constexpr Use kUses[] = {
    {"--model", kWeightsToOnnx | kWeightsToEngine},
    {"--opset", kRunToOnnx | kModelToOnnx},
    {"--training", kRunToOnnx},
    {"--checkpoint", kRunToOnnx | kRunToEngine | kRunToWeights},
    {"--runs", kRunToOnnx | kRunToEngine | kRunToWeights},
    {"--batch", kRunToOnnx | kModelToOnnx | kToEngine},
    {"--dim", kModelToOnnx | kToEngine},
    {"--input", kModelToOnnx},
    {"--loop-limit", kModelToOnnx | kModelToEngine | kWeightsToEngine},
    {"--memory-limit", kModelToOnnx | kModelToEngine | kWeightsToEngine},
    {"--shape", kToEngine},
    {"--precision", kToEngine},
    {"--memory", kToEngine},
    {"--no-pass", kToEngine},
    {"--exact", kToEngine},
    {"--reproducible", kToEngine},
};

struct From {
  const char* name;
  Source (*open)(const ConvertOptions&);
  unsigned to_onnx, to_engine, to_weights;  // 0: it is not made into that
};
constexpr From kRun{"a run", open_run, kRunToOnnx, kRunToEngine, kRunToWeights};
constexpr From kModel{"a model", open_model, kModelToOnnx, kModelToEngine, kModelToWeights};
constexpr From kWeights{"weights", open_weights, kWeightsToOnnx, kWeightsToEngine, 0};

// What is no file of a known format is a run.
const From& from_of(const std::string& path) {
  const std::string extension = fs::path(path).extension();
  if (extension == ".onnx" || extension == ".suan") return kModel;
  return extension == ".safetensors" ? kWeights : kRun;
}

void refuse_unused_of(const ConvertOptions& options, const From& from, unsigned way,
                      const std::string& extension) {
  const std::string where = fmt::format("where {} become{} a {} file", from.name,
                                        &from == &kWeights ? "" : "s", extension);
  for (const Use& use : kUses) {
    if (!(use.ways & way)) refuse_unused(options, {use.option}, where);
  }
}

void write_weights(const std::string& path, const formats::NamedArrays& weights) {
  if (weights.empty()) fail(ErrorCode::kUnsupported, "convert", "the model has no weights");
  formats::write_safetensors(path, {weights, {}});
}

}  // namespace

int run_convert(const ConvertOptions& options) {
  const std::string extension = fs::path(options.output).extension();
  const From& from = from_of(options.model);
  const unsigned way = extension == ".onnx"          ? from.to_onnx
                       : extension == ".suan"        ? from.to_engine
                       : extension == ".safetensors" ? from.to_weights
                                                     : 0;
  if (way == 0) {
    fail("convert", "the output is '{}', expected a .onnx{} .suan{} file", options.output,
         from.to_weights ? "," : " or", from.to_weights ? " or .safetensors" : "");
  }
  refuse_unused_of(options, from, way, extension);
  const Source source = from.open(options);
  if (way == from.to_onnx) {
    source.write_onnx(options.output);
  } else if (way == from.to_engine) {
    compile_to_file(source.model(), options);
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
