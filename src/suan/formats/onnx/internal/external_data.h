// Weights in files beside the model. The path comes from a stranger: it must stay beneath the
// model's folder, through no link. https://onnx.ai/onnx/repo-docs/ExternalData.html
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "suan/base/file.h"
#include "suan/formats/onnx/internal/tensor_proto.h"
#include "suan/formats/onnx/model.h"

namespace suan::onnx {

// The folder of a model, with the files in it that tensors were read from.
class DataFolder {
 public:
  DataFolder(std::filesystem::path path, const Limits& limits)
      : path_(std::move(path)), limits_(limits) {}
  // Throws Error(kBadFile) for unknown keys, absolute paths, "..", symbolic and hard links, an
  // offset and length that do not lie within the file or do not fit the tensor, and more bytes than
  // the limits allow.
  Array read(const ::onnx::TensorProto& proto, DType dtype, const Shape& shape,
             const std::string& where);

 private:
  std::shared_ptr<const OpenFile> open(const std::string& name, const std::string& what);
  std::filesystem::path path_;
  Limits limits_;
  size_t bytes_ = 0;  // of all tensors read
  std::map<std::string, std::shared_ptr<const OpenFile>> files_;
};

}  // namespace suan::onnx
