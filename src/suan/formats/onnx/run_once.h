// One run of a model, to look at what it computes: by a program for these arguments alone, or in
// the interpreter. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/base/arithmetic.h"
#include "suan/formats/onnx/model.h"

namespace suan::onnx {

struct RunOnceOptions {
  Arithmetic precision = Arithmetic::f32;
  bool interpret = false;                 // compile nothing
  bool small_memory = false;              // as in ProgramOptions
  std::vector<std::string> without = {};  // passes to leave out (passes/pass.h)
};

// The outputs. `nodes`, unless it is null, gets what every node of the main graph gives; a program
// that has to keep all that fuses less.
std::vector<Value> run_once(const Model& model, const std::vector<Value>& arguments,
                            const RunOnceOptions& options = {},
                            std::vector<NodeValue>* nodes = nullptr);

}  // namespace suan::onnx
