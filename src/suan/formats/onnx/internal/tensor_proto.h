// TensorProto and its relatives to arrays and back. The only headers that include protobuf's are in
// this folder. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#include <functional>
#include <memory>

#include "suan/base/array.h"
#include "suan/base/file.h"
#include "suan/formats/onnx/value.h"

namespace suan::onnx {

// The dtype of a TensorProto::DataType; throws Error(kUnsupported) naming `where`.
DType dtype_of_onnx(int64_t code, std::string_view where);
int onnx_of_dtype(DType dtype);

class DataFolder;  // internal/external_data.h

// The raw_data of a tensor, where it is not in the message.
struct RawData {
  std::string_view bytes;
  std::shared_ptr<const OpenFile> file = nullptr;  // that has them, to be read again; or null
  size_t offset = 0;                               // within it
};
// The array a TensorProto holds. External data is read beneath `folder` (none: it is refused).
// Tensors that an open file has are read when they are wanted. Throws Error(kBadFile) naming
// `where` and the tensor.
Array read_tensor(const ::onnx::TensorProto& proto, const std::string& where,
                  DataFolder* folder = nullptr, const RawData& raw = {});
// Whether a tensor's bytes can wait in a file until they are wanted: any but bools, which are
// checked. And the array of such bytes, a block that is read late.
bool can_wait(DType dtype);
Array array_later(DType dtype, const Shape& shape, const BufferPtr& bytes);
// The bytes of a tensor in a file, where elements of less than a byte lie together.
size_t packed_size(DType dtype, const Shape& shape);
// The array of the bytes that `read` writes there, packed_size() of them as they lie in a file:
// small elements get a byte each, and of bools what is not 0 is true.
Array array_of(DType dtype, const Shape& shape, const std::function<void(void*)>& read);
// The inverse of read_tensor, with the data inside the message.
void write_tensor(::onnx::TensorProto& proto, const Array& array);
// A SparseTensorProto made dense, of at most so many bytes.
Array read_sparse_tensor(const ::onnx::SparseTensorProto& proto, const std::string& where,
                         size_t most);
Value read_sequence(const ::onnx::SequenceProto& proto, const std::string& where, int depth = 0);
Value read_optional(const ::onnx::OptionalProto& proto, const std::string& where, int depth = 0);

}  // namespace suan::onnx
