// Sizes of a model's inputs, and numbers for them.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/arguments.h"

#include <fmt/core.h>

#include <charconv>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/base/random.h"
#include "suan/formats/npy.h"

namespace suan::app {

std::pair<std::string, std::string> split_setting(const std::string& setting, const char* what) {
  const size_t at = setting.find('=');
  if (at == std::string::npos || at == 0) fail(what, "got '{}', expected NAME=VALUE", setting);
  return {setting.substr(0, at), setting.substr(at + 1)};
}

namespace {

int64_t parse_size(const std::string& name, const std::string& text) {
  int64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, size);
  if (read.ptr != end || read.ec != std::errc() || size < 1) {
    fail("--dim", "{} is '{}', expected a number from 1 on", name, text);
  }
  return size;
}

// Whether some input's first size is open, or is this one.
bool takes_batch(std::span<const onnx::Argument> inputs, int64_t batch) {
  for (const onnx::Argument& input : inputs) {
    const bool has_first = input.ranked && input.shape.rank() > 0;
    if (has_first && (input.shape[0] < 0 || input.shape[0] == batch)) return true;
  }
  return false;
}

}  // namespace

OpenSizes::OpenSizes(std::span<const onnx::Argument> inputs, const ModelOptions& options)
    : batch_(options.batch) {
  if (batch_ > 0 && !takes_batch(inputs, batch_)) {
    fail("--batch", "is {}, but no input leaves its first size open", batch_);
  }
  std::map<std::string, int64_t> open;
  for (const onnx::Argument& input : inputs) {
    for (const int64_t size : input.shape) {
      if (input.ranked && size < 0) open.emplace(symbol_name(size), size);
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, symbol] : open) names.push_back(name);
  for (const std::string& setting : options.dims) {
    const auto [name, text] = split_setting(setting, "--dim");
    if (open.empty()) fail("--dim", "got '{}', but no input leaves a size open", setting);
    const auto found = open.find(name);
    if (found == open.end()) fail("--dim", "{}", unknown_name("open size", name, names));
    dims_[found->second] = parse_size(name, text);
  }
}

int64_t OpenSizes::of(int64_t symbol, int axis) const {
  const auto named = dims_.find(symbol);
  if (named != dims_.end()) return named->second;
  return axis == 0 ? batch_ : 0;
}

Arguments::Arguments(std::span<const onnx::Argument> inputs, const ModelOptions& options,
                     std::map<int64_t, int64_t> compiled)
    : inputs_(inputs.begin(), inputs.end()),
      files_(options.inputs),
      sizes_(inputs, options),
      compiled_(std::move(compiled)) {}

// The first size is the batch, and 1 unless something says more.
Shape Arguments::shape_of(const onnx::Argument& input) const {
  Shape shape = input.shape;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] >= 0) continue;
    int64_t size = sizes_.of(shape[i], i);
    const auto compiled = compiled_.find(shape[i]);
    if (size == 0) size = compiled != compiled_.end() ? compiled->second : i == 0 ? 1 : 0;
    if (size == 0) {
      fail("input", "'{}' is {}: give its size as --dim {}=N", input.name, to_string(input.shape),
           symbol_name(shape[i]));
    }
    shape[i] = size;
  }
  return shape;
}

Type Arguments::typed(const onnx::Argument& input) const {
  if (input.kind != TypeKind::tensor || !input.typed || !input.ranked) {
    fail("input", "'{}' has no tensor type in the model: give it as --input {}=FILE.npy",
         input.name, input.name);
  }
  return {input.dtype, shape_of(input)};
}

onnx::Value Arguments::made_up(const onnx::Argument& input) const {
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

std::vector<onnx::Value> Arguments::given() const {
  std::vector<onnx::Value> values(inputs_.size());
  for (const std::string& setting : files_) {
    const auto [name, file] = split_setting(setting, "--input");
    values[index_of(inputs_, name, "--input")] = Tensor::from(formats::read_npy(file));
  }
  return values;
}

std::vector<onnx::Value> Arguments::values() const {
  std::vector<onnx::Value> values = given();
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].present()) values[i] = made_up(inputs_[i]);
  }
  return values;
}

std::vector<onnx::Value> Arguments::placeholders() const {
  std::vector<onnx::Value> values = given();
  for (size_t i = 0; i < values.size(); ++i) {
    const Type type = values[i].present() ? values[i].tensor.type() : typed(inputs_[i]);
    values[i] = make_input(type, inputs_[i].name);
  }
  return values;
}

}  // namespace suan::app
