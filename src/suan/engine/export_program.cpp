// From a program of an engine file to ONNX. Its graph has been through the passes: what an op of it
// lacks in ONNX its decomposition has.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/export_program.h"

#include <algorithm>

#include "suan/base/error.h"

namespace suan {
namespace {

bool takes(const EngineProgram& program, std::span<const onnx::Argument> wanted) {
  return std::equal(
      wanted.begin(), wanted.end(), program.graph.inputs.begin(), program.graph.inputs.end(),
      [](const onnx::Argument& a, const Tensor& input) { return onnx::accepts(a, input.type()); });
}

std::string text_of(const EngineProgram& program) {
  std::string text;
  for (const Tensor& input : program.graph.inputs) {
    text += (text.empty() ? "" : ", ") + to_string(input.type());
  }
  return text;
}

}  // namespace

const EngineProgram& find_program(const EngineFile& file, std::span<const onnx::Argument> wanted,
                                  const std::string& where) {
  std::string known;
  for (const EngineProgram& program : file.programs) {
    if (takes(program, wanted)) return program;
    known += fmt::format("{}({})", known.empty() ? "" : ", ", text_of(program));
  }
  fail(ErrorCode::kUnsupported, where, "no program of it has these sizes; they take {}", known);
}

onnx::ExportedModel export_program(const EngineFile& file, const EngineProgram& program,
                                   int64_t opset) {
  onnx::expect_tensors(file.outputs, program.outputs);
  return onnx::export_model(program.graph, onnx::named_after(file.inputs, file.outputs, opset));
}

}  // namespace suan
