// Running a model: a program for each signature of its arguments, compiled on first use; models
// whose graph depends on data run in the interpreter.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "suan/formats/onnx/model.h"
#include "suan/program/program.h"

namespace suan::onnx {

struct SessionOptions {
  DType precision = DType::f32;
  bool interpret = false;                 // never compile
  std::vector<std::string> without = {};  // passes to leave out (passes/pass.h)
};

class Session {
 public:
  explicit Session(std::shared_ptr<const Model> model, SessionOptions options = {});
  ~Session();

  // The outputs for these arguments, one per input of the model. Not to be called by two threads at
  // once.
  std::vector<Value> run(const std::vector<Value>& arguments);
  // What runs the program for these arguments; null: they are interpreted.
  RunContext* context(const std::vector<Value>& arguments);
  // Why the model ran in the interpreter the last time; empty: it was compiled.
  const std::string& interpreted_because() const { return reason_; }

 private:
  struct Entry;
  Entry* find(const std::vector<Value>& arguments);
  std::shared_ptr<const Model> model_;
  SessionOptions options_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::string reason_;
};

}  // namespace suan::onnx
