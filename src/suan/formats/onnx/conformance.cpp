// Running one test folder and comparing.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/conformance.h"

#include <algorithm>
#include <cmath>

#include "suan/base/file.h"
#include "suan/base/small_types.h"
#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/tensor_proto.h"
#include "suan/formats/onnx/run_once.h"
#include "suan/passes/pass.h"

namespace suan::onnx {
namespace {

namespace fs = std::filesystem;

template <class Message>
Message parse(const fs::path& path) {
  Message message;
  if (!message.ParseFromString(read_file(path.string()))) {
    fail(ErrorCode::kBadFile, path.string(), "is not the expected message");
  }
  return message;
}

Value read_value(const fs::path& path, const Argument& argument) {
  const TypeKind kind = argument.kind;
  const std::string where = path.string();
  if (kind == TypeKind::sequence) return read_sequence(parse<::onnx::SequenceProto>(path), where);
  if (kind == TypeKind::optional) return read_optional(parse<::onnx::OptionalProto>(path), where);
  Array array = read_tensor(parse<::onnx::TensorProto>(path), where);
  // Suites before onnx 1.13 keep bfloat16 as its bits.
  if (argument.dtype == DType::bf16 && array.dtype == DType::u16) array.dtype = DType::bf16;
  return Tensor::from(array);
}

std::vector<Value> read_values(const fs::path& folder, const std::string& prefix,
                               const std::vector<Argument>& arguments) {
  std::vector<Value> values;
  for (size_t i = 0;; ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", prefix, i);
    if (!fs::exists(path)) break;
    values.push_back(read_value(path, i < arguments.size() ? arguments[i] : Argument()));
  }
  return values;
}

bool close(double got, double expected, const ConformanceOptions& options) {
  if (std::isnan(expected) || std::isnan(got)) return std::isnan(expected) && std::isnan(got);
  if (std::isinf(expected) || std::isinf(got)) return got == expected;
  return std::abs(got - expected) <= options.absolute + options.relative * std::abs(expected);
}

std::string compare(const Array& got, const Array& expected, const ConformanceOptions& options) {
  if (got.dtype != expected.dtype || !(got.shape == expected.shape)) {
    return fmt::format("got {}, expected {}", to_string(Type(got.dtype, got.shape)),
                       to_string(Type(expected.dtype, expected.shape)));
  }
  for (int64_t i = 0; i < got.numel(); ++i) {
    if (got.dtype == DType::string) {
      const auto a = text_of(got.as<StringId>()[i]), b = text_of(expected.as<StringId>()[i]);
      if (a != b) return fmt::format("element {} is '{}', expected '{}'", i, a, b);
      continue;
    }
    const auto number = [i](const Array& array) -> double {
      if (is_small_float(array.dtype)) return decode_small(array.dtype, array.as<uint8_t>()[i]);
      return visit(array.dtype, [&](auto tag) {
        return static_cast<double>(array.as<typename decltype(tag)::type>()[i]);
      });
    };
    const double a = number(got), b = number(expected);
    if (!close(a, b, options)) return fmt::format("element {} is {}, expected {}", i, a, b);
  }
  return "";
}

std::string compare(const Value& got, const Value& expected, const ConformanceOptions& options) {
  if (got.kind == TypeKind::tensor && expected.kind == TypeKind::tensor) {
    if (!got.tensor || !expected.tensor) return "an output is absent";
    return compare(got.tensor.array(), expected.tensor.array(), options);
  }
  if (got.kind == TypeKind::tensor && expected.kind == TypeKind::optional &&
      expected.items.size() == 1) {
    return compare(got, expected.items[0], options);
  }
  if (got.kind != expected.kind || got.items.size() != expected.items.size()) {
    return fmt::format("got {}, expected {}", to_string(got), to_string(expected));
  }
  for (size_t i = 0; i < got.items.size(); ++i) {
    const std::string fault = compare(got.items[i], expected.items[i], options);
    if (!fault.empty()) return fmt::format("item {}: {}", i, fault);
  }
  return "";
}

std::string run_data_set(const Model& model, const Runner& run, const fs::path& folder,
                         const ConformanceOptions& options) {
  const std::vector<Value> inputs = read_values(folder, "input", model.inputs());
  const std::vector<Value> outputs = run(inputs);
  const std::vector<Value> expected = options.unfused
                                          ? run_once(model, inputs, {.without = optional_passes()})
                                          : read_values(folder, "output", model.outputs());
  if (outputs.size() != expected.size()) {
    return fmt::format("got {} outputs, expected {}", outputs.size(), expected.size());
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string fault = compare(outputs[i], expected[i], options);
    if (!fault.empty()) return fmt::format("output '{}': {}", model.outputs()[i].name, fault);
  }
  return "";
}

bool is_test(const fs::path& folder) {
  return fs::exists(folder / "model.onnx") && fs::exists(folder / "test_data_set_0");
}

}  // namespace

std::vector<fs::path> find_conformance_tests(const fs::path& root) {
  if (!fs::is_directory(root)) fail(ErrorCode::kBadFile, root.string(), "is not a folder");
  std::vector<fs::path> tests;
  if (is_test(root)) tests.push_back(root);
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_directory() && is_test(entry.path())) tests.push_back(entry.path());
  }
  if (tests.empty()) {
    fail(ErrorCode::kBadFile, root.string(),
         "holds no tests (folders with model.onnx and test_data_set_0)");
  }
  std::sort(tests.begin(), tests.end());
  return tests;
}

std::string run_conformance_test(const fs::path& folder, const MakeRunner& make_runner,
                                 const ConformanceOptions& options) {
  try {
    const auto model = Model::load(folder / "model.onnx");
    const Runner run = make_runner(model);
    for (int i = 0;; ++i) {
      const fs::path data = folder / fmt::format("test_data_set_{}", i);
      if (!fs::is_directory(data)) return "";
      const std::string fault = run_data_set(*model, run, data, options);
      if (!fault.empty()) return fault;
    }
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace suan::onnx
