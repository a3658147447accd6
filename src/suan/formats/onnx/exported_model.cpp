// Writing a model: its message, and where that would be too large a second file with the weights.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/base/small_types.h"
#include "suan/formats/onnx/internal/emitted.h"

namespace suan::onnx {

struct ExportedModel::Impl {
  Emitted emitted;
  size_t most_bytes = 0;

  // What a message of the weights takes is their bytes, nearly.
  size_t bytes() const {
    size_t total = emitted.graph.ByteSizeLong();
    for (const auto& [name, array] : emitted.initializers) total += array.bytes() + name.size();
    return total;
  }
};

namespace {

int64_t ir_version_of(int64_t opset) {
  constexpr int64_t kVersions[] = {8, 9, 9, 10, 10, 11, 12, 13, 13};  // of opsets from 18 on
  return kVersions[opset - 18];
}

::onnx::ModelProto header(int64_t opset) {
  ::onnx::ModelProto model;
  model.set_ir_version(ir_version_of(opset));
  model.set_producer_name("suan");
  model.set_producer_version(SUAN_VERSION);
  auto& set = *model.add_opset_import();
  set.set_domain("");
  set.set_version(opset);
  return model;
}

void describe_external(::onnx::TensorProto& to, const Array& array, const std::string& file,
                       size_t offset) {
  to.set_data_type(onnx_of_dtype(array.dtype));
  for (const int64_t size : array.shape) to.add_dims(size);
  to.set_data_location(::onnx::TensorProto::EXTERNAL);
  const auto entry = [&](const char* key, std::string value) {
    auto& e = *to.add_external_data();
    e.set_key(key);
    e.set_value(std::move(value));
  };
  entry("location", file);
  entry("offset", std::to_string(offset));
  entry("length", std::to_string(array.bytes()));
}

// Small ones stay in the model, where engines look at them while they read it.
bool is_external(const Array& array) {
  constexpr size_t kLeast = 1024;
  return array.bytes() >= kLeast && array.dtype != DType::string && bits_of(array.dtype) >= 8;
}

}  // namespace

ExportedModel::ExportedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

ExportedModel finish(Emitted emitted, const ExportOptions& options) {
  return ExportedModel(std::make_shared<const ExportedModel::Impl>(
      ExportedModel::Impl{std::move(emitted), options.most_bytes}));
}

std::string ExportedModel::bytes() const {
  if (impl_->bytes() > impl_->most_bytes) {
    fail(ErrorCode::kUnsupported, "export",
         "the model has {} bytes, more than the {} of one message: save it to a file",
         impl_->bytes(), impl_->most_bytes);
  }
  ::onnx::ModelProto model = header(impl_->emitted.opset);
  *model.mutable_graph() = impl_->emitted.graph;
  for (const auto& [name, array] : impl_->emitted.initializers) {
    auto& tensor = *model.mutable_graph()->add_initializer();
    write_tensor(tensor, array);
    tensor.set_name(name);
  }
  return model.SerializeAsString();
}

void ExportedModel::save(const std::filesystem::path& path) const {
  if (impl_->bytes() <= impl_->most_bytes) return write_file_atomically(path.string(), bytes());
  constexpr size_t kAlignment = 64;
  const std::string data = path.filename().string() + ".data";
  AtomicFile file((path.parent_path() / data).string());
  ::onnx::ModelProto model = header(impl_->emitted.opset);
  *model.mutable_graph() = impl_->emitted.graph;
  size_t offset = 0;
  for (const auto& [name, array] : impl_->emitted.initializers) {
    auto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    if (!is_external(array)) {
      write_tensor(tensor, array);
      continue;
    }
    const std::string gap((kAlignment - offset % kAlignment) % kAlignment, '\0');
    file.write(gap);
    offset += gap.size();
    describe_external(tensor, array, data, offset);
    file.write(array.buffer->data(), array.bytes());
    offset += array.bytes();
  }
  file.commit();
  write_file_atomically(path.string(), model.SerializeAsString());
}

}  // namespace suan::onnx
