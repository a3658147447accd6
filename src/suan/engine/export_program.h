// Programs of engine files as ONNX models: fused regions become their nodes again, packed weights
// plain ones. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

#include "suan/engine/engine_file.h"
#include "suan/formats/onnx/export.h"

namespace suan {

// The first program whose inputs `wanted` accepts (onnx::accepts): an open size takes any. Throws
// Error(kUnsupported) that lists what the programs take.
const EngineProgram& find_program(const EngineFile& file, std::span<const onnx::Argument> wanted,
                                  const std::string& where);

// The graph of a program of the file, with the file's names for inputs and outputs. Throws
// Error(kUnsupported) for outputs that are no tensors, and for ops that have no exact form in the
// opset.
onnx::ExportedModel export_program(const EngineFile& file, const EngineProgram& program,
                                   int64_t opset = onnx::ExportOptions().opset);

}  // namespace suan
