// What the commands about ONNX models share: loading, and inputs from files or made up.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/suan/commands.h"
#include "suan/engine/engine.h"

namespace suan::app {

std::pair<std::string, std::string> split_setting(const std::string& setting, const char* what);
DType precision_of(const std::string& text);  // f32, bf16 or auto
onnx::Limits limits_of(const ModelOptions& options);

struct LoadedModel {
  explicit LoadedModel(const ModelOptions& options);
  LoadedModel(std::shared_ptr<const onnx::Model> model, const ModelOptions& options);
  // One for each input: read from its file, else made up: floats in [-1, 1), all other numbers 1.
  std::vector<onnx::Value> arguments() const;
  // Graph inputs of the same types.
  std::vector<onnx::Value> placeholders() const;

  std::unique_ptr<Engine> engine;

 private:
  Shape shape_of(const onnx::Argument& input) const;
  Type typed(const onnx::Argument& input) const;
  std::vector<onnx::Value> given() const;  // those that have a file
  onnx::Value made_up(const onnx::Argument& input) const;
  const ModelOptions& options_;
  std::map<int64_t, int64_t> compiled_;  // sizes of the first program of an engine file, by symbol
};

}  // namespace suan::app
