// Structures of tensors, nested to a bound.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/internal/values.h"

#include "suan/base/string_pool.h"
#include "suan/engine/internal/constants.h"

namespace suan::engine {
namespace {

constexpr int kMaxDepth = 16;

void write_value(Writer& out, const onnx::Value& value) {
  out.number(static_cast<uint8_t>(value.kind));
  if (value.kind == TypeKind::tensor) {
    out.flag(value.present());
    return;
  }
  if (value.kind == TypeKind::map) {
    out.text(name(value.keys.dtype));
    out.count(static_cast<size_t>(value.keys.numel()));
    for (int64_t i = 0; i < value.keys.numel(); ++i) {
      if (value.keys.dtype == DType::string) {
        out.text(text_of(value.keys.as<StringId>()[i]));
      } else {
        out.number(value.keys.as<int64_t>()[i]);
      }
    }
  }
  out.count(value.items.size());
  for (const onnx::Value& item : value.items) write_value(out, item);
}

TypeKind read_kind(Reader& reader) {
  const auto kind = reader.number<uint8_t>("a kind");
  if (kind > static_cast<uint8_t>(TypeKind::map)) {
    bad_file(reader.where(), "there is no kind {} of values", kind);
  }
  return static_cast<TypeKind>(kind);
}

Array read_keys(Reader& reader) {
  const DType dtype = read_dtype(reader);
  const uint32_t count = reader.count("the number of keys");
  if (dtype != DType::string && dtype != DType::i64) {
    bad_file(reader.where(), "a map has keys of {}, expected i64 or string", name(dtype));
  }
  std::vector<int64_t> keys;  // or ids
  for (uint32_t i = 0; i < count; ++i) {
    keys.push_back(dtype == DType::i64 ? reader.number<int64_t>("a key")
                                       : static_cast<int64_t>(intern(reader.text("a key")).id));
  }
  Array array = Array::list(keys);
  array.dtype = dtype;
  return array;
}

class ValueReader {
 public:
  ValueReader(Reader& reader, const std::vector<Tensor>& tensors)
      : reader_(reader), tensors_(tensors) {}

  onnx::Value value(int depth) {
    if (depth > kMaxDepth) bad_file(reader_.where(), "a value is nested too deeply");
    onnx::Value value;
    value.kind = read_kind(reader_);
    if (value.kind == TypeKind::tensor) {
      if (reader_.flag("whether a value is there")) value.tensor = tensor();
      return value;
    }
    if (value.kind == TypeKind::map) value.keys = read_keys(reader_);
    for (uint32_t left = reader_.count("the number of items"); left > 0; --left) {
      value.items.push_back(this->value(depth + 1));
    }
    check(value);
    return value;
  }
  void expect_all_taken() const {
    if (next_ != tensors_.size()) {
      bad_file(reader_.where(), "a graph has {} results, {} are used", tensors_.size(), next_);
    }
  }

 private:
  void check(const onnx::Value& value) const {
    bool sound = value.kind == TypeKind::sequence || value.items.size() <= 1;
    if (value.kind == TypeKind::map) {
      const Tensor values = value.items.size() == 1 ? value.items[0].tensor : Tensor();
      sound = values && values.rank() == 1 && values.shape()[0] == value.keys.numel();
    }
    if (!sound) bad_file(reader_.where(), "a map or an optional has {} parts", value.items.size());
  }
  Tensor tensor() {
    if (next_ == tensors_.size()) {
      bad_file(reader_.where(), "a graph has only {} results", next_);
    }
    return tensors_[next_++];
  }

  Reader& reader_;
  const std::vector<Tensor>& tensors_;
  size_t next_ = 0;
};

}  // namespace

void write_values(Writer& out, const std::vector<onnx::Value>& values) {
  out.count(values.size());
  for (const onnx::Value& value : values) write_value(out, value);
}

std::vector<onnx::Value> read_values(Reader& reader, const std::vector<Tensor>& tensors) {
  std::vector<onnx::Value> values;
  ValueReader value_reader(reader, tensors);
  for (uint32_t left = reader.count("the number of values"); left > 0; --left) {
    values.push_back(value_reader.value(0));
  }
  value_reader.expect_all_taken();
  return values;
}

namespace {

constexpr int64_t kNamed = -1;  // the size of a dimension that the model only names

void write_open_shape(Writer& out, const Shape& shape) {
  out.count(static_cast<size_t>(shape.rank()));
  for (int64_t size : shape) {
    out.number(size < 0 ? kNamed : size);
    if (size < 0) out.text(symbol_name(size));
  }
}

Shape read_open_shape(Reader& reader) {
  const uint32_t rank = reader.count("a rank");
  if (rank > kMaxRank) bad_file(reader.where(), "an argument has {} dimensions", rank);
  Shape shape;
  for (uint32_t i = 0; i < rank; ++i) {
    const auto size = reader.number<int64_t>("a size");
    if (size < kNamed) bad_file(reader.where(), "an argument has the size {}", size);
    shape.push_back(size == kNamed ? symbol(reader.text("the name of a size")) : size);
  }
  return shape;
}

}  // namespace

void write_arguments(Writer& out, const std::vector<onnx::Argument>& arguments) {
  out.count(arguments.size());
  for (const onnx::Argument& argument : arguments) {
    out.text(argument.name);
    out.number(static_cast<uint8_t>(argument.kind));
    out.flag(argument.typed);
    out.flag(argument.ranked);
    out.text(name(argument.dtype));
    write_open_shape(out, argument.shape);
  }
}

std::vector<onnx::Argument> read_arguments(Reader& reader) {
  std::vector<onnx::Argument> arguments;
  for (uint32_t left = reader.count("the number of arguments"); left > 0; --left) {
    onnx::Argument argument;
    argument.name = reader.text("a name");
    argument.kind = read_kind(reader);
    argument.typed = reader.flag("whether a type is known");
    argument.ranked = reader.flag("whether a rank is known");
    argument.dtype = read_dtype(reader);
    argument.shape = read_open_shape(reader);
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace suan::engine
