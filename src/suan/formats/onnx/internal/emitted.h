// What an export has before it is written: the nodes, and apart from them the initializers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/export.h"
#include "suan/formats/onnx/internal/emitter.h"

namespace suan::onnx {

struct Emitted {
  ::onnx::GraphProto graph;
  formats::NamedArrays initializers;
  std::map<std::string, double, std::less<>> numbers;  // as in Emitter
  int64_t opset = 0;
};

Emitted emit(const Graph& graph, const ExportOptions& options);
ExportedModel finish(Emitted emitted, const ExportOptions& options);

}  // namespace suan::onnx
