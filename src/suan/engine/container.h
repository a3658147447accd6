// The outermost form of an engine file: a header, a table of sections, their checksums.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "suan/base/byte_reader.h"

namespace suan::engine {

inline constexpr std::array<char, 8> kMagic{'\x89', 'S', 'U', 'A', 'N', '\r', '\n', '\x1a'};
inline constexpr uint32_t kVersion = 2;
inline constexpr size_t kAlign = 64;

enum class Section : uint8_t { description, constants, programs, model, kernels, data };
inline constexpr size_t kNumSections = 6;

constexpr size_t aligned(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }
bool are_zeros(Bytes bytes);
uint64_t checksum(const void* data, size_t bytes);  // XXH3, 64 bits

// Numbers in little endian and texts behind their lengths.
class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::endian::native == std::endian::little);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void count(size_t n) { number(static_cast<uint32_t>(n)); }
  void flag(bool value) { number(static_cast<uint8_t>(value)); }
  void text(std::string_view value) {
    number(uint64_t{value.size()});
    out_ += value;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  Reader(Bytes bytes, std::string_view where) : bytes_(bytes, where), where_(where) {}
  template <class T>
  T number(std::string_view what) {
    return bytes_.little<T>(what);
  }
  uint32_t count(std::string_view what) { return number<uint32_t>(what); }
  bool flag(std::string_view what) {
    const auto value = number<uint8_t>(what);
    if (value > 1) bad_file(where_, "{} is {}, expected 0 or 1", what, value);
    return value == 1;
  }
  std::string_view text(std::string_view what) { return bytes_.text(number<uint64_t>(what), what); }
  void expect_end(std::string_view what) const {
    if (bytes_.remaining()) bad_file(where_, "{} has {} bytes too many", what, bytes_.remaining());
  }
  std::string_view where() const { return where_; }

 private:
  ByteReader bytes_;
  std::string_view where_;
};

// The sections as they lie in the file; the checksums of all but `data` hold.
std::array<Bytes, kNumSections> open_container(Bytes file, std::string_view where);

// The file before the section `data`, which has this many bytes and follows at once.
std::string container_head(const std::array<std::string, kNumSections - 1>& sections,
                           size_t data_bytes);

}  // namespace suan::engine
