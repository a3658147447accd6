// Initializers inside the message, or in a second file where that would be too large.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/save_message.h"

#include "suan/base/file.h"
#include "suan/base/small_types.h"
#include "suan/formats/onnx/internal/tensor_proto.h"

namespace suan::onnx {
namespace {

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

size_t message_bytes(const ::onnx::GraphProto& graph, const formats::NamedArrays& initializers) {
  size_t total = graph.ByteSizeLong();
  for (const auto& [name, array] : initializers) total += array.bytes() + name.size();
  return total;
}

void add_initializers(::onnx::ModelProto& model, const formats::NamedArrays& initializers) {
  for (const auto& [name, array] : initializers) {
    auto& tensor = *model.mutable_graph()->add_initializer();
    write_tensor(tensor, array);
    tensor.set_name(name);
  }
}

void save_message(const std::filesystem::path& path, ::onnx::ModelProto model,
                  const formats::NamedArrays& initializers, size_t most_bytes) {
  if (message_bytes(model.graph(), initializers) <= most_bytes) {
    add_initializers(model, initializers);
    return write_file_atomically(path.string(), model.SerializeAsString());
  }
  constexpr size_t kAlignment = 64;
  const std::string data = path.filename().string() + ".data";
  AtomicFile file((path.parent_path() / data).string());
  size_t offset = 0;
  for (const auto& [name, array] : initializers) {
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
