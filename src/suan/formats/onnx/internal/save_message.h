// Writing an ONNX message and its initializers, which are kept apart until then.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx_pb.h>

#include <filesystem>

#include "suan/formats/named_array.h"

namespace suan::onnx {

// What a message of the graph and these initializers takes, nearly.
size_t message_bytes(const ::onnx::GraphProto& graph, const formats::NamedArrays& initializers);

void add_initializers(::onnx::ModelProto& model, const formats::NamedArrays& initializers);

// Writes the file, and where it would exceed `most_bytes` its weights into `<path>.data`. Each file
// is written whole or not at all.
void save_message(const std::filesystem::path& path, ::onnx::ModelProto model,
                  const formats::NamedArrays& initializers, size_t most_bytes);

}  // namespace suan::onnx
