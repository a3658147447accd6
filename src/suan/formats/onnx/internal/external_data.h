// Weights in files beside the model. The path comes from a stranger: it must stay beneath the
// model's folder, through no link. https://onnx.ai/onnx/repo-docs/ExternalData.html
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/tensor_proto.h"

namespace suan::onnx {

// Throws Error(kBadFile) for unknown keys, absolute paths, "..", symbolic and hard links, and an
// offset and length that do not lie within the file or do not fit the tensor.
Array read_external(const ::onnx::TensorProto& proto, DType dtype, const Shape& shape,
                    const std::string& where, const std::filesystem::path& folder);

}  // namespace suan::onnx
