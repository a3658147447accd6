// What the commands about models share: reading a model's file, and running it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/suan/arguments.h"
#include "apps/suan/commands.h"
#include "suan/engine/engine.h"
#include "suan/engine/engine_file.h"

namespace suan::app {

Arithmetic precision_of(const std::string& text);  // of a name, nothing (f32) or auto
onnx::Limits limits_of(const ModelOptions& options);

// An interpreted model has no programs for these options to shape.
void refuse_with_interpret(const ModelOptions& options);

// What the options say of a model's programs.
ProgramOptions program_options(const ModelOptions& options);

// An ONNX file or an engine file that was read.
struct ModelFile {
  explicit ModelFile(const ModelOptions& options);
  // The model, to do this with it ("pad it"). Throws Error for an engine file of programs alone.
  const std::shared_ptr<const onnx::Model>& model_to(const char* purpose) const;
  const std::vector<onnx::Argument>& inputs() const;
  const std::vector<onnx::Argument>& outputs() const;
  // Arguments as the options describe them. Sizes they do not give are as an engine file's first
  // program has them.
  Arguments arguments(const ModelOptions& options) const;

  std::string path;
  std::shared_ptr<const onnx::Model> model;  // null: programs are all there is
  std::optional<EngineFile> compiled;        // of an engine file
};

struct LoadedModel {
  explicit LoadedModel(const ModelOptions& options) : LoadedModel(ModelFile(options), options) {}
  LoadedModel(const ModelFile& file, const ModelOptions& options);
  std::vector<onnx::Value> arguments() const { return values.values(); }

  std::unique_ptr<Engine> engine;
  Arguments values;
};

}  // namespace suan::app
