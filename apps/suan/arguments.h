// Arguments for a model: read from files, or made up in sizes that the command line gives.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "apps/suan/commands.h"
#include "suan/formats/onnx/model.h"

namespace suan::app {

// "name=text" in two.
std::pair<std::string, std::string> split_setting(const std::string& setting, const char* what);

// What --batch and --dim say of the sizes that a model's inputs leave open.
class OpenSizes {
 public:
  // Throws Error for a size that no input leaves open.
  OpenSizes(std::span<const onnx::Argument> inputs, const ModelOptions& options);
  // Of the dimension `axis` of an input with this symbol; 0: nothing is said.
  int64_t of(int64_t symbol, int axis) const;

 private:
  int64_t batch_;
  std::map<int64_t, int64_t> dims_;  // by symbol
};

class Arguments {
 public:
  // `compiled` has the sizes for which there is a program, by symbol: those that are taken where
  // the options say nothing.
  Arguments(std::span<const onnx::Argument> inputs, const ModelOptions& options,
            std::map<int64_t, int64_t> compiled = {});
  // One for each input: read from its file, else made up: floats in [-1, 1), all other numbers 1.
  std::vector<onnx::Value> values() const;
  // Graph inputs of the same types.
  std::vector<onnx::Value> placeholders() const;

 private:
  Shape shape_of(const onnx::Argument& input) const;
  Type typed(const onnx::Argument& input) const;
  std::vector<onnx::Value> given() const;  // those that have a file
  onnx::Value made_up(const onnx::Argument& input) const;

  std::vector<onnx::Argument> inputs_;
  std::vector<std::string> files_;  // NAME=FILE.npy
  OpenSizes sizes_;
  std::map<int64_t, int64_t> compiled_;
};

}  // namespace suan::app
