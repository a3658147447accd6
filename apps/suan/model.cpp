// Loading models, making inputs, and `suan run`.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/model.h"

#include <fmt/core.h>

#include <filesystem>

#include "suan/base/error.h"
#include "suan/base/random.h"
#include "suan/base/string_pool.h"
#include "suan/engine/engine_file.h"
#include "suan/formats/npy.h"
#include "suan/target/machine.h"

namespace suan::app {

// "name=text" in two.
std::pair<std::string, std::string> split_setting(const std::string& setting, const char* what) {
  const size_t at = setting.find('=');
  if (at == std::string::npos || at == 0) fail(what, "got '{}', expected NAME=VALUE", setting);
  return {setting.substr(0, at), setting.substr(at + 1)};
}

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

}  // namespace

onnx::Limits limits_of(const ModelOptions& options) {
  onnx::Limits limits{.loop = options.loop_limit};
  if (options.memory_limit) limits.memory = options.memory_limit;
  return limits;
}

DType precision_of(const std::string& text) {
  if (text == "auto") return fast_precision();
  const auto dtype = parse_dtype(text);
  if (dtype != DType::f32 && dtype != DType::bf16) {
    fail("precision", "is '{}', expected f32, bf16 or auto", text);
  }
  return *dtype;
}

LoadedModel::LoadedModel(const ModelOptions& options) : options_(options) {
  if (!is_engine_file(options.model)) {
    engine = Engine::load(options.model, engine_options(options));
    return;
  }
  const EngineFile file = read_engine_file(options.model, limits_of(options));
  const bool chosen = options.precision != "f32" && options.precision != "auto";
  if (chosen && precision_of(options.precision) != file.precision) {
    fail("--precision", "is '{}', {} was compiled in {}", options.precision, options.model,
         name(file.precision));
  }
  engine = make_engine(file, options.model, engine_options(options));
  compiled_ = sizes_of(file);
}
LoadedModel::LoadedModel(std::shared_ptr<const onnx::Model> model, const ModelOptions& options)
    : engine(std::make_unique<Engine>(std::move(model), engine_options(options))),
      options_(options) {}

// Sizes the file leaves open come from --dim, or are as an engine file was compiled; the first one
// is the batch, and 1 unless given.
Shape LoadedModel::shape_of(const onnx::Argument& input) const {
  Shape shape = input.shape;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] >= 0) continue;
    const std::string name = symbol_name(shape[i]);
    const auto compiled = compiled_.find(shape[i]);
    int64_t size = compiled != compiled_.end() ? compiled->second : i == 0 ? 1 : 0;
    if (i == 0 && options_.batch > 0) size = options_.batch;
    for (const std::string& setting : options_.dims) {
      const auto [key, text] = split_setting(setting, "--dim");
      if (key != name) continue;
      char* end = nullptr;
      size = std::strtoll(text.c_str(), &end, 10);
      if (*end != 0) fail("--dim", "{} is '{}', expected a number", name, text);
    }
    if (size < 1) {
      fail("input", "'{}' is {}: give its size as --dim {}=N", input.name, to_string(input.shape),
           name);
    }
    shape[i] = size;
  }
  return shape;
}

Type LoadedModel::typed(const onnx::Argument& input) const {
  if (input.kind != TypeKind::tensor || !input.typed || !input.ranked) {
    fail("input", "'{}' has no tensor type in the model: give it as --input {}=FILE.npy",
         input.name, input.name);
  }
  return {input.dtype, shape_of(input)};
}

onnx::Value LoadedModel::made_up(const onnx::Argument& input) const {
  const Type type = typed(input);
  Array array(type.dtype, type.shape);
  Random random(1);
  visit(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < array.numel(); ++i) {
      const double number = is_float(array.dtype) ? 2 * random.uniform() - 1 : 1;
      array.as<T>()[i] = static_cast<T>(static_cast<float>(number));
    }
  });
  return Tensor::from(array);
}

std::vector<onnx::Value> LoadedModel::given() const {
  std::vector<onnx::Value> values(engine->inputs().size());
  for (const std::string& setting : options_.inputs) {
    const auto [name, file] = split_setting(setting, "--input");
    values[index_of(engine->inputs(), name, "--input")] = Tensor::from(formats::read_npy(file));
  }
  return values;
}

std::vector<onnx::Value> LoadedModel::arguments() const {
  std::vector<onnx::Value> values = given();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].present()) values[i] = made_up(engine->inputs()[i]);
  }
  return values;
}

std::vector<onnx::Value> LoadedModel::placeholders() const {
  std::vector<onnx::Value> values = given();
  for (size_t i = 0; i < values.size(); ++i) {
    const onnx::Argument& input = engine->inputs()[i];
    const Type type = values[i].present() ? values[i].tensor.type() : typed(input);
    values[i] = make_input(type, input.name);
  }
  return values;
}

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
