// Loading models, making inputs, and `suan run`.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/model.h"

#include <fmt/core.h>

#include <filesystem>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/base/random.h"
#include "suan/base/string_pool.h"
#include "suan/formats/npy.h"

namespace suan::app {
namespace {

// "name=text" in two.
std::pair<std::string, std::string> split_setting(const std::string& setting, const char* what) {
  const size_t at = setting.find('=');
  if (at == std::string::npos || at == 0) fail(what, "got '{}', expected NAME=VALUE", setting);
  return {setting.substr(0, at), setting.substr(at + 1)};
}

DType precision_of(const std::string& text) {
  const auto dtype = parse_dtype(text);
  if (dtype != DType::f32 && dtype != DType::bf16) {
    fail("precision", "is '{}', expected f32 or bf16", text);
  }
  return *dtype;
}

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

}  // namespace

LoadedModel::LoadedModel(const ModelOptions& options)
    : model(onnx::Model::load(options.model)),
      session(std::make_unique<onnx::Session>(
          model, onnx::SessionOptions{.precision = precision_of(options.precision),
                                      .interpret = options.interpret})),
      options_(options) {}

// Sizes the file leaves open come from --dim; the first one is the batch, and 1 unless given.
Shape LoadedModel::shape_of(const onnx::Argument& input) const {
  Shape shape = input.shape;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] >= 0) continue;
    const std::string name = symbol_name(shape[i]);
    int64_t size = i == 0 ? options_.batch : 0;
    for (const std::string& setting : options_.dims) {
      const auto [key, text] = split_setting(setting, "--dim");
      if (key == name) size = std::strtoll(text.c_str(), nullptr, 10);
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
  std::vector<std::string> names;
  for (const onnx::Argument& input : model->inputs()) names.push_back(input.name);
  std::vector<onnx::Value> values(names.size());
  for (const std::string& setting : options_.inputs) {
    const auto [name, file] = split_setting(setting, "--input");
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) fail("--input", "{}", unknown_name("input", name, names));
    values[static_cast<size_t>(found - names.begin())] = Tensor::from(formats::read_npy(file));
  }
  return values;
}

std::vector<onnx::Value> LoadedModel::arguments() const {
  std::vector<onnx::Value> values = given();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].present()) values[i] = made_up(model->inputs()[i]);
  }
  return values;
}

std::vector<onnx::Value> LoadedModel::placeholders() const {
  std::vector<onnx::Value> values = given();
  for (size_t i = 0; i < values.size(); ++i) {
    const onnx::Argument& input = model->inputs()[i];
    const Type type = values[i].present() ? values[i].tensor.type() : typed(input);
    values[i] = make_input(type, input.name);
  }
  return values;
}

int run_model(const RunModelOptions& options) {
  const LoadedModel loaded(options);
  const std::vector<onnx::Value> outputs = loaded.session->run(loaded.arguments());
  if (!options.save.empty()) std::filesystem::create_directories(options.save);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = loaded.model->outputs()[i].name;
    print_value(name, outputs[i]);
    if (options.save.empty() || !outputs[i].tensor) continue;
    formats::write_npy(fmt::format("{}/output_{}.npy", options.save, i), outputs[i].tensor.array());
  }
  const std::string& reason = loaded.session->interpreted_because();
  if (!reason.empty()) fmt::print("interpreted: {}\n", reason);
  if (options.json) {
    fmt::print("{}\n", json_line({{"outputs", static_cast<int64_t>(outputs.size())},
                                  {"interpreted", reason}}));
  }
  return 0;
}

}  // namespace suan::app
