// TensorProto and its relatives to arrays and back. The only headers that include protobuf's are in
// this folder. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#include <filesystem>

#include "suan/base/array.h"
#include "suan/formats/onnx/value.h"

namespace suan::onnx {

// The dtype of a TensorProto::DataType; throws Error(kUnsupported) naming `where`.
DType dtype_of_onnx(int64_t code, std::string_view where);
int onnx_of_dtype(DType dtype);

// The array a TensorProto holds. External data is read beneath `folder` (none: it is refused);
// `raw`, where not empty, is its raw_data. Throws Error(kBadFile) naming `where` and the tensor.
Array read_tensor(const ::onnx::TensorProto& proto, const std::string& where,
                  const std::filesystem::path* folder = nullptr, std::string_view raw = {});
// The bytes of a tensor in a file, where elements of less than a byte lie together.
size_t packed_size(DType dtype, const Shape& shape);
// Those bytes of such elements into an array of one byte an element.
void unpack(std::string_view bytes, const Array& array);
// The inverse, with the data inside the message.
void write_tensor(::onnx::TensorProto& proto, const Array& array);
// Bytes of a stranger as bools: what is not 0 is true.
void normalise_bools(const Array& array);
// A SparseTensorProto made dense, of at most so many bytes.
Array read_sparse_tensor(const ::onnx::SparseTensorProto& proto, const std::string& where,
                         size_t most);
Value read_sequence(const ::onnx::SequenceProto& proto, const std::string& where, int depth = 0);
Value read_optional(const ::onnx::OptionalProto& proto, const std::string& where, int depth = 0);

}  // namespace suan::onnx
