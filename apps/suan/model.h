// What the commands about ONNX models share: loading, and inputs from files or made up.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <vector>

#include "apps/suan/commands.h"
#include "suan/formats/onnx/session.h"

namespace suan::app {

struct LoadedModel {
  explicit LoadedModel(const ModelOptions& options);
  // One for each input: read from its file, else made up: floats in [-1, 1), all other numbers 1.
  std::vector<onnx::Value> arguments() const;
  // Graph inputs of the same types.
  std::vector<onnx::Value> placeholders() const;

  std::shared_ptr<const onnx::Model> model;
  std::unique_ptr<onnx::Session> session;

 private:
  Shape shape_of(const onnx::Argument& input) const;
  Type typed(const onnx::Argument& input) const;
  std::vector<onnx::Value> given() const;  // those that have a file
  onnx::Value made_up(const onnx::Argument& input) const;
  const ModelOptions& options_;
};

}  // namespace suan::app
