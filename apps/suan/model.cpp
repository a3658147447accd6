// Reading models, making engines of them, and `suan run`.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/model.h"

#include <fmt/format.h>

#include <filesystem>

#include "suan/base/error.h"
#include "suan/base/string_pool.h"
#include "suan/formats/npy.h"
#include "suan/target/machine.h"

namespace suan::app {

namespace {

std::string describe(const Array& array) {
  constexpr int64_t kShown = 6;
  std::string text;
  for (int64_t i = 0; i < std::min(array.numel(), kShown); ++i) {
    if (i) text += ' ';
    if (array.dtype == DType::string) {
      text += fmt::format("'{}'", text_of(array.as<StringId>()[i]));
      continue;
    }
    visit(array.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      text += fmt::format("{:.6g}", static_cast<double>(array.as<T>()[i]));
    });
  }
  return array.numel() > kShown ? text + " ..." : text;
}

void print_value(const std::string& name, const onnx::Value& value) {
  fmt::print("{:<24} {:<20} {}\n", name, to_string(value),
             value.tensor ? describe(value.tensor.array()) : "");
  for (size_t i = 0; i < value.items.size(); ++i) {
    print_value(fmt::format("{}[{}]", name, i), value.items[i]);
  }
}

EngineOptions engine_options(const ModelOptions& options) {
  EngineOptions wanted{.precision = precision_of(options.precision),
                       .interpret = options.interpret,
                       .small_memory = options.small_memory,
                       .without = options.without,
                       .limits = limits_of(options)};
  for (const std::string& rule : options.pad) wanted.pad.push_back(parse_pad_rule(rule));
  return wanted;
}

// The sizes for which a program was compiled, by symbol.
std::map<int64_t, int64_t> sizes_of(const EngineFile& file) {
  std::map<int64_t, int64_t> sizes;
  if (file.programs.empty()) return sizes;
  for (size_t i = 0; i < file.inputs.size(); ++i) {
    const Shape &open = file.inputs[i].shape, &shape = file.programs[0].graph.inputs[i].shape();
    for (int d = 0; d < std::min(open.rank(), shape.rank()); ++d) {
      if (open[d] < 0) sizes.emplace(open[d], shape[d]);
    }
  }
  return sizes;
}

void check_precision(const EngineFile& file, const ModelOptions& options) {
  const bool chosen = !options.precision.empty() && options.precision != "auto";
  if (chosen && precision_of(options.precision) != file.precision) {
    fail("--precision", "is '{}', {} was compiled in {}", options.precision, options.model,
         name(file.precision));
  }
}

}  // namespace

onnx::Limits limits_of(const ModelOptions& options) {
  onnx::Limits limits{.loop = options.loop_limit};
  if (options.memory_limit) limits.memory = options.memory_limit;
  return limits;
}

Arithmetic precision_of(const std::string& text) {
  if (text.empty()) return Arithmetic::f32;
  if (text == "auto") return fast_precision();
  const auto precision = parse_arithmetic(text);
  if (!precision) {
    fail("precision", "is '{}', expected {} or auto", text, fmt::join(arithmetic_names(), ", "));
  }
  return *precision;
}

void refuse_with_interpret(const ModelOptions& options) {
  if (!options.interpret) return;
  refuse_unused(options, {"--precision", "--memory", "--no-pass", "--pad"}, "with --interpret");
}

ProgramOptions program_options(const ModelOptions& options) {
  return {.precision = precision_of(options.precision),
          .small_memory = options.small_memory,
          .without = options.without};
}

ModelFile::ModelFile(const ModelOptions& options) : path(options.model) {
  const onnx::Limits limits = limits_of(options);
  if (is_engine_file(path)) {
    compiled = read_engine_file(path, limits);
    model = compiled->model;
  } else {
    model = onnx::Model::load(path, limits);
  }
}

const std::shared_ptr<const onnx::Model>& ModelFile::model_to(const char* purpose) const {
  if (!model) {
    fail(ErrorCode::kUnsupported, path, "holds programs alone, without the model to {}", purpose);
  }
  return model;
}
const std::vector<onnx::Argument>& ModelFile::inputs() const {
  return model ? model->inputs() : compiled->inputs;
}
const std::vector<onnx::Argument>& ModelFile::outputs() const {
  return model ? model->outputs() : compiled->outputs;
}
Arguments ModelFile::arguments(const ModelOptions& options) const {
  return {inputs(), options, compiled ? sizes_of(*compiled) : std::map<int64_t, int64_t>()};
}

namespace {
std::unique_ptr<Engine> make_engine(const ModelFile& file, const ModelOptions& options) {
  if (!file.compiled) return std::make_unique<Engine>(file.model, engine_options(options));
  check_precision(*file.compiled, options);
  return suan::make_engine(*file.compiled, file.path, engine_options(options));
}
}  // namespace

LoadedModel::LoadedModel(const ModelFile& file, const ModelOptions& options)
    : engine(make_engine(file, options)), values(file.arguments(options)) {}

namespace {

formats::JsonRows json_rows(const Engine& engine, const std::vector<onnx::Value>& outputs,
                            const std::vector<std::string>& files) {
  formats::JsonRows rows;
  for (size_t i = 0; i < outputs.size(); ++i) {
    rows.push_back(
        {{"name", engine.outputs()[i].name}, {"type", to_string(outputs[i])}, {"file", files[i]}});
  }
  return rows;
}

}  // namespace

int run_model(const RunModelOptions& options) {
  refuse_with_interpret(options);
  if (options.random) refuse_unused(options, {"--input"}, "with --random");
  const LoadedModel loaded(options);
  const std::vector<onnx::Value> arguments = loaded.arguments();
  const std::vector<onnx::Value> outputs = loaded.engine->run(arguments);
  if (!options.save.empty()) std::filesystem::create_directories(options.save);
  std::vector<std::string> files(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = loaded.engine->outputs()[i].name;
    print_value(name, outputs[i]);
    if (options.save.empty() || !outputs[i].tensor) continue;
    files[i] = fmt::format("{}/output_{}.npy", options.save, i);
    formats::write_npy(files[i], outputs[i].tensor.array());
  }
  const std::string reason = loaded.engine->interpreted_because(arguments);
  if (!reason.empty()) fmt::print("interpreted: {}\n", reason);
  if (options.json) {
    fmt::print("{}\n", json_line({{"outputs", json_rows(*loaded.engine, outputs, files)},
                                  {"interpreted", reason}}));
  }
  return 0;
}

}  // namespace suan::app
