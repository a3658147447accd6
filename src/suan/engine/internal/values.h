// What a model takes and gives, in an engine file: descriptions, and how results are made of the
// outputs of a graph. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/engine/container.h"
#include "suan/formats/onnx/model.h"

namespace suan::engine {

void write_values(Writer& out, const std::vector<onnx::Value>& values);
// Throws Error(kBadFile) unless the values are made of exactly these tensors.
std::vector<onnx::Value> read_values(Reader& reader, const std::vector<Tensor>& tensors);

void write_arguments(Writer& out, const std::vector<onnx::Argument>& arguments);
std::vector<onnx::Argument> read_arguments(Reader& reader);

}  // namespace suan::engine
