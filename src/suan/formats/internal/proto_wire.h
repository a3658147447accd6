// The protobuf wire format by hand: enough to write and read small messages without generated code.
// https://protobuf.dev/programming-guides/encoding
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <string>
#include <string_view>

#include "suan/formats/internal/bytes.h"

namespace suan::formats {

enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

class ProtoWriter {
 public:
  ProtoWriter& integer(uint32_t field, int64_t value) {
    tag(field, Wire::varint);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  ProtoWriter& real64(uint32_t field, double value) {
    tag(field, Wire::fixed64);
    fixed(std::bit_cast<uint64_t>(value));
    return *this;
  }
  ProtoWriter& real32(uint32_t field, float value) {
    tag(field, Wire::fixed32);
    fixed(std::bit_cast<uint32_t>(value));
    return *this;
  }
  ProtoWriter& bytes(uint32_t field, std::string_view value) {
    tag(field, Wire::bytes);
    varint(value.size());
    out_ += value;
    return *this;
  }
  ProtoWriter& message(uint32_t field, const ProtoWriter& value) {
    return bytes(field, value.out_);
  }
  ProtoWriter& packed(uint32_t field, std::span<const double> values) {
    ProtoWriter inside;
    for (double value : values) inside.fixed(std::bit_cast<uint64_t>(value));
    return message(field, inside);
  }
  const std::string& text() const { return out_; }

 private:
  void tag(uint32_t field, Wire wire) {
    varint(uint64_t{field} << 3 | static_cast<uint64_t>(wire));
  }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  template <class T>
  void fixed(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) out_ += static_cast<char>(value >> (8 * i));
  }
  std::string out_;
};

// One field of a message: `number` holds a varint or the bits of a fixed value, `bytes` the rest.
struct ProtoField {
  uint32_t field = 0;
  Wire wire = Wire::varint;
  uint64_t number = 0;
  std::string_view bytes;

  double real64() const { return std::bit_cast<double>(number); }
  float real32() const { return std::bit_cast<float>(static_cast<uint32_t>(number)); }
};

class ProtoReader {
 public:
  ProtoReader(std::string_view message, std::string_view where)
      : reader_({reinterpret_cast<const uint8_t*>(message.data()), message.size()}, where),
        where_(where) {}

  bool next(ProtoField& out) {
    if (reader_.remaining() == 0) return false;
    const uint64_t tag = varint();
    out = {static_cast<uint32_t>(tag >> 3), static_cast<Wire>(tag & 7)};
    switch (out.wire) {
      case Wire::varint:
        out.number = varint();
        return true;
      case Wire::fixed64:
        out.number = reader_.little<uint64_t>("a field");
        return true;
      case Wire::fixed32:
        out.number = reader_.little<uint32_t>("a field");
        return true;
      case Wire::bytes:
        out.bytes = reader_.text(varint(), "a field");
        return true;
    }
    bad_file(where_, "has a message field of unknown wire type {}", tag & 7);
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = reader_.little<uint8_t>("a number");
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    bad_file(where_, "has a number of more than 64 bits");
  }
  ByteReader reader_;
  std::string_view where_;
};

}  // namespace suan::formats
