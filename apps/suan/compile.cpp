// `suan compile`: a model into an engine file.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/compile.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>

#include "apps/suan/arguments.h"
#include "apps/suan/model.h"
#include "suan/base/error.h"

namespace suan::app {
namespace {

// "1x3x224x224"
Shape parse_sizes(const std::string& text) {
  Shape shape;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    int64_t size = -1;
    const auto read = std::from_chars(at, end, size);
    const bool more = read.ptr != end && *read.ptr == 'x';
    if (read.ec != std::errc() || size < 0 || (read.ptr != end && !more) ||
        shape.rank() == kMaxRank) {
      fail("--shape", "got '{}', expected sizes such as 1x3x224x224", text);
    }
    shape.push_back(size);
    if (!shape.fits_memory()) fail("--shape", "'{}' is too large", text);
    if (!more) return shape;
    at = read.ptr + 1;
  }
}

// The shapes of one input, from the command line, in order.
using GivenShapes = std::map<std::string, std::vector<Shape>>;

GivenShapes parse_shapes(const std::vector<std::string>& settings,
                         const std::vector<onnx::Argument>& inputs) {
  GivenShapes shapes;
  for (const std::string& setting : settings) {
    const auto [name, sizes] = split_setting(setting, "--shape");
    (void)index_of(inputs, name, "--shape");  // refuses others
    shapes[name].push_back(parse_sizes(sizes));
  }
  return shapes;
}

// The argument types of one program: given shapes settle the sizes that inputs share, then --dim
// and
// --batch do; others are 1.
class Signature {
 public:
  Signature(const std::vector<onnx::Argument>& inputs, const OpenSizes& open,
            const GivenShapes& given, size_t program)
      : inputs_(inputs), open_(open) {
    for (const onnx::Argument& input : inputs) {
      const auto found = given.find(input.name);
      if (found == given.end()) continue;
      const std::vector<Shape>& shapes = found->second;
      shapes_[input.name] = shapes[shapes.size() == 1 ? 0 : program];
      bind(input, shapes_[input.name]);
    }
  }
  std::vector<Type> types() const {
    std::vector<Type> types;
    for (const onnx::Argument& input : inputs_) {
      const auto given = shapes_.find(input.name);
      const bool known = given != shapes_.end();
      if (input.kind == TypeKind::tensor && input.typed && (input.ranked || known)) {
        types.emplace_back(input.dtype, known ? given->second : bound(input.shape));
        continue;
      }
      fail("input", "'{}' has no {} in the model{}", input.name,
           input.typed ? "shape" : "tensor type",
           input.typed ? fmt::format(": give it as --shape {}=SIZES", input.name) : "");
    }
    return types;
  }

 private:
  void bind(const onnx::Argument& input, const Shape& shape) {
    if (!input.ranked || shape.rank() != input.shape.rank()) return;  // the model will refuse it
    for (int i = 0; i < shape.rank(); ++i) {
      if (input.shape[i] >= 0) continue;
      sizes_.emplace(input.shape[i], shape[i]);
      const int64_t other = open_.of(input.shape[i], i);
      if (other == 0 || other == shape[i]) continue;
      fail("--shape", "'{}' has {} for the size '{}', --dim or --batch says {}", input.name,
           shape[i], symbol_name(input.shape[i]), other);
    }
  }
  Shape bound(Shape shape) const {
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] >= 0) continue;
      const auto found = sizes_.find(shape[i]);
      shape[i] =
          found != sizes_.end() ? found->second : std::max(open_.of(shape[i], i), int64_t{1});
    }
    return shape;
  }

  const std::vector<onnx::Argument>& inputs_;
  const OpenSizes& open_;
  std::map<std::string, Shape> shapes_;
  std::map<int64_t, int64_t> sizes_;  // by symbol
};

std::vector<std::vector<Type>> signatures_of(const onnx::Model& model,
                                             const CompileCommandOptions& options) {
  const OpenSizes open(model.inputs(), options);
  const GivenShapes given = parse_shapes(options.shapes, model.inputs());
  size_t programs = 1;
  for (const auto& [name, shapes] : given) programs = std::max(programs, shapes.size());
  for (const auto& [name, shapes] : given) {
    if (shapes.size() != 1 && shapes.size() != programs) {
      fail("--shape", "'{}' has {} shapes, expected 1 or {}, as other inputs have", name,
           shapes.size(), programs);
    }
  }
  std::vector<std::vector<Type>> signatures;
  for (size_t i = 0; i < programs; ++i) {
    signatures.push_back(Signature(model.inputs(), open, given, i).types());
  }
  return signatures;
}

}  // namespace

EngineFile compile_to_file(const std::shared_ptr<const onnx::Model>& model,
                           const CompileCommandOptions& options) {
  EngineFile file =
      compile_engine_file(model, signatures_of(*model, options), program_options(options));
  write_engine_file(options.output, file);
  return file;
}

int run_compile(const CompileCommandOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const EngineFile file = compile_to_file(ModelFile(options).model_to("compile"), options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(options.output));
  const auto programs = static_cast<int64_t>(file.programs.size());
  fmt::print("{}: {:.1f} MB, {} program{}{}, {:.1f} s\n", options.output,
             static_cast<double>(bytes) / 1e6, programs, programs == 1 ? "" : "s",
             file.model ? " and the model for other shapes" : "", took.count());
  if (programs == 0) fmt::print("its graph depends on data: it runs in the interpreter\n");
  if (options.json) {
    fmt::print("{}\n", json_line({{"file", options.output},
                                  {"bytes", bytes},
                                  {"programs", programs},
                                  {"open", file.model != nullptr},
                                  {"seconds", took.count()}}));
  }
  return 0;
}

}  // namespace suan::app
