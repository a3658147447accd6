// Reading tensors from their messages: raw bytes or typed lists, inside the model or in other
// files.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/tensor_proto.h"

#include <algorithm>
#include <cstring>

#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/external_data.h"

namespace suan::onnx {
namespace {

using ::onnx::TensorProto;

struct Code {
  int onnx;
  DType dtype;
};
constexpr Code kCodes[] = {
    {1, DType::f32},     {2, DType::u8},          {3, DType::i8},        {4, DType::u16},
    {5, DType::i16},     {6, DType::i32},         {7, DType::i64},       {8, DType::string},
    {9, DType::boolean}, {10, DType::f16},        {11, DType::f64},      {12, DType::u32},
    {13, DType::u64},    {16, DType::bf16},       {17, DType::f8e4m3fn}, {18, DType::f8e4m3fnuz},
    {19, DType::f8e5m2}, {20, DType::f8e5m2fnuz}, {21, DType::u4},       {22, DType::i4},
    {23, DType::f4e2m1}, {24, DType::f8e8m0},     {25, DType::u2},       {26, DType::i2},
    {27, DType::f6e2m3}, {28, DType::f6e3m2},
};
static_assert(std::size(kCodes) == kNumDTypes);

[[noreturn]] void bad(const std::string& where, const TensorProto& proto, std::string_view what) {
  fail(ErrorCode::kBadFile, where, "tensor '{}' {}", proto.name(), what);
}

Shape read_shape(const TensorProto& proto, const std::string& where) {
  if (proto.dims_size() > kMaxRank) {
    bad(where, proto,
        fmt::format("has {} dimensions, expected at most {}", proto.dims_size(), kMaxRank));
  }
  Shape shape;
  for (int64_t size : proto.dims()) {
    if (size < 0) bad(where, proto, fmt::format("has the size {}", size));
    shape.push_back(size);
  }
  if (!shape.fits_memory()) bad(where, proto, "is too large");
  return shape;
}

void expect_count(size_t got, int64_t expected, const TensorProto& proto,
                  const std::string& where) {
  if (static_cast<int64_t>(got) != expected) {
    bad(where, proto, fmt::format("has {} elements, expected {}", got, expected));
  }
}

// The typed list of the message that holds elements of this dtype.
template <class List>
void copy_list(const List& list, const Array& array, const TensorProto& proto,
               const std::string& where) {
  expect_count(static_cast<size_t>(list.size()), array.numel(), proto, where);
  visit(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int i = 0; i < list.size(); ++i) {
      if constexpr (std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>) {
        array.as<T>()[i].bits = static_cast<uint16_t>(list[i]);  // as stored
      } else if constexpr (std::is_same_v<T, bool>) {
        array.as<T>()[i] = list[i] != 0;
      } else {
        array.as<T>()[i] = static_cast<T>(list[i]);
      }
    }
  });
}

std::string packed(const Array& array) {
  const int bits = bits_of(array.dtype), mask = (1 << bits) - 1;
  std::string bytes(packed_size(array.dtype, array.shape), '\0');
  for (int64_t i = 0; i < array.numel(); ++i) {
    const auto at = static_cast<size_t>(i * bits / 8);
    const int value = (array.as<int8_t>()[i] & mask) << (i * bits % 8);
    bytes[at] = static_cast<char>(bytes[at] | (value & 0xff));
    if (value > 0xff) bytes[at + 1] = static_cast<char>(bytes[at + 1] | value >> 8);
  }
  return bytes;
}

// Elements of less than a byte lie together, the first in the lowest bits; those of 6 bits go on in
// the next byte.
void unpack(std::string_view bytes, const Array& array) {
  const int bits = bits_of(array.dtype), mask = (1 << bits) - 1;
  const bool has_sign = array.dtype == DType::i4 || array.dtype == DType::i2;
  for (int64_t i = 0; i < array.numel(); ++i) {
    const auto at = static_cast<size_t>(i * bits / 8);
    const auto low = static_cast<uint8_t>(bytes[at]),
               high = static_cast<uint8_t>(at + 1 < bytes.size() ? bytes[at + 1] : 0);
    int value = (high << 8 | low) >> (i * bits % 8) & mask;
    if (has_sign && value > mask / 2) value -= mask + 1;
    array.as<int8_t>()[i] = static_cast<int8_t>(value);
  }
}

void read_lists(const TensorProto& proto, const Array& array, const std::string& where) {
  if (bits_of(array.dtype) == 6) {
    copy_list(proto.int32_data(), array, proto, where);
    for (uint8_t& code : array.span<uint8_t>()) code &= 63;
    return;
  }
  if (bits_of(array.dtype) < 8) {
    std::string bytes;
    for (int32_t packed : proto.int32_data()) bytes += static_cast<char>(packed);
    expect_count(bytes.size(), static_cast<int64_t>(packed_size(array.dtype, array.shape)), proto,
                 where);
    unpack(bytes, array);
    return;
  }
  switch (array.dtype) {
    case DType::f32:
      return copy_list(proto.float_data(), array, proto, where);
    case DType::f64:
      return copy_list(proto.double_data(), array, proto, where);
    case DType::i64:
      return copy_list(proto.int64_data(), array, proto, where);
    case DType::u64:
    case DType::u32:
      return copy_list(proto.uint64_data(), array, proto, where);
    case DType::string:
      expect_count(static_cast<size_t>(proto.string_data_size()), array.numel(), proto, where);
      for (int i = 0; i < proto.string_data_size(); ++i) {
        array.as<StringId>()[i] = intern(proto.string_data(i));
      }
      return;
    default:
      return copy_list(proto.int32_data(), array, proto, where);
  }
}

Array read_raw(const RawData& raw, DType dtype, const Shape& shape, const TensorProto& proto,
               const std::string& where) {
  const std::string_view bytes = raw.bytes;
  if (dtype == DType::string) bad(where, proto, "holds strings as raw data");
  if (bytes.size() != packed_size(dtype, shape)) {
    bad(where, proto,
        fmt::format("has {} bytes, expected {}", bytes.size(), packed_size(dtype, shape)));
  }
  if (raw.file && can_wait(dtype)) {
    return array_later(dtype, shape, raw.file->later(raw.offset, bytes.size()));
  }
  return array_of(dtype, shape, [&](void* to) {
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  });
}

}  // namespace

DType dtype_of_onnx(int64_t code, std::string_view where) {
  for (const Code& c : kCodes) {
    if (c.onnx == code) return c.dtype;
  }
  fail(ErrorCode::kUnsupported, where, "the element type {} is not supported", code);
}
int onnx_of_dtype(DType dtype) {
  for (const Code& c : kCodes) {
    if (c.dtype == dtype) return c.onnx;
  }
  return 0;
}

size_t packed_size(DType dtype, const Shape& shape) {
  const auto count = static_cast<size_t>(shape.numel());
  const int bits = bits_of(dtype);
  return bits < 8 ? (count * static_cast<size_t>(bits) + 7) / 8 : count * size_of(dtype);
}

Array array_of(DType dtype, const Shape& shape, const std::function<void(void*)>& read) {
  Array array(dtype, shape);
  if (bits_of(dtype) < 8) {
    std::string together(packed_size(dtype, shape), '\0');
    read(together.data());
    unpack(together, array);
  } else {
    read(array.buffer->data());
  }
  if (dtype == DType::boolean) {
    for (uint8_t& byte : array.span<uint8_t>()) byte = byte != 0;
  }
  return array;
}

bool can_wait(DType dtype) { return dtype != DType::boolean; }

Array array_later(DType dtype, const Shape& shape, const BufferPtr& bytes) {
  if (bits_of(dtype) >= 8) return {dtype, shape, bytes};
  const auto fill = [dtype, shape](const Buffer::Inputs& stored) {
    const Array array(dtype, shape);
    unpack({stored[0]->as<char>(), stored[0]->bytes()}, array);
    return array.buffer;
  };
  return {dtype, shape, Buffer::deferred(static_cast<size_t>(shape.numel()), {bytes}, fill)};
}

Array read_tensor(const TensorProto& proto, const std::string& where, DataFolder* folder,
                  const RawData& raw) {
  const DType dtype = dtype_of_onnx(proto.data_type(), where + ": tensor '" + proto.name() + "'");
  const Shape shape = read_shape(proto, where);
  if (proto.has_segment()) bad(where, proto, "is stored in segments, which nothing writes");
  if (proto.data_location() == TensorProto::EXTERNAL) {
    if (!folder) bad(where, proto, "lies in another file, which is not allowed here");
    return folder->read(proto, dtype, shape, where);
  }
  // What a message cannot hold is not allocated for it.
  const size_t most = proto.ByteSizeLong() + raw.bytes.size();
  if (static_cast<uint64_t>(shape.numel()) > 4 * most) {
    bad(where, proto, fmt::format("says {} but holds {} bytes", to_string(shape), most));
  }
  if (!raw.bytes.empty()) return read_raw(raw, dtype, shape, proto, where);
  if (proto.has_raw_data()) return read_raw({proto.raw_data()}, dtype, shape, proto, where);
  Array array(dtype, shape);
  read_lists(proto, array, where);
  return array;
}

void write_tensor(TensorProto& proto, const Array& array) {
  proto.set_data_type(onnx_of_dtype(array.dtype));
  for (const int64_t size : array.shape) proto.add_dims(size);
  if (array.dtype == DType::string) {
    for (const StringId id : array.span<StringId>()) {
      proto.add_string_data(std::string(text_of(id)));
    }
  } else if (bits_of(array.dtype) < 8) {
    proto.set_raw_data(packed(array));
  } else {
    proto.set_raw_data(array.buffer->data(), array.bytes());
  }
}

Array read_sparse_tensor(const ::onnx::SparseTensorProto& proto, const std::string& where,
                         size_t most) {
  const Array values = read_tensor(proto.values(), where);
  const Array indices = read_tensor(proto.indices(), where);
  Shape shape;
  for (int64_t size : proto.dims()) {
    if (size < 0 || shape.rank() == kMaxRank) bad(where, proto.values(), "has a bad shape");
    shape.push_back(size);
  }
  if (!shape.fits_memory() || Type(values.dtype, shape).bytes() > most) {
    bad(where, proto.values(), fmt::format("stands for {}, which is too large", to_string(shape)));
  }
  const int64_t count = values.numel();
  const bool linear = indices.shape.rank() == 1;
  if (indices.dtype != DType::i64 || indices.numel() != count * (linear ? 1 : shape.rank())) {
    bad(where, proto.indices(), "does not index the values");
  }
  Array dense(values.dtype, shape);
  std::memset(dense.buffer->data(), 0, dense.bytes());
  const Shape strides = shape.strides();
  const size_t size = size_of(values.dtype);
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = linear ? indices.as<int64_t>()[i] : 0;
    for (int a = 0; !linear && a < shape.rank(); ++a) {
      const int64_t index = indices.as<int64_t>()[i * shape.rank() + a];
      if (index < 0 || index >= shape[a]) bad(where, proto.indices(), "is out of range");
      at += index * strides[a];
    }
    if (at < 0 || at >= shape.numel()) bad(where, proto.indices(), "is out of range");
    std::memcpy(dense.as<char>() + static_cast<size_t>(at) * size,
                values.as<char>() + static_cast<size_t>(i) * size, size);
  }
  return dense;
}

namespace {
constexpr int kMaxDepth = 16;
}

Value read_sequence(const ::onnx::SequenceProto& proto, const std::string& where, int depth) {
  if (depth > kMaxDepth) fail(ErrorCode::kBadFile, where, "sequences are nested too deeply");
  std::vector<Value> items;
  for (const auto& t : proto.tensor_values())
    items.emplace_back(Tensor::from(read_tensor(t, where)));
  for (const auto& t : proto.sparse_tensor_values()) {
    items.emplace_back(Tensor::from(read_sparse_tensor(t, where, size_t{1} << 30)));
  }
  for (const auto& s : proto.sequence_values()) items.push_back(read_sequence(s, where, depth + 1));
  for (const auto& o : proto.optional_values()) items.push_back(read_optional(o, where, depth + 1));
  return Value::sequence(std::move(items));
}

Value read_optional(const ::onnx::OptionalProto& proto, const std::string& where, int depth) {
  if (depth > kMaxDepth) fail(ErrorCode::kBadFile, where, "optionals are nested too deeply");
  if (proto.has_tensor_value()) {
    return Value::optional({Tensor::from(read_tensor(proto.tensor_value(), where))});
  }
  if (proto.has_sequence_value()) {
    return Value::optional({read_sequence(proto.sequence_value(), where, depth + 1)});
  }
  if (proto.has_optional_value()) {
    return Value::optional({read_optional(proto.optional_value(), where, depth + 1)});
  }
  return Value::optional({});
}

}  // namespace suan::onnx
