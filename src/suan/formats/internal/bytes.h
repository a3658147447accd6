// Reading numbers out of bytes that cannot be trusted: every step is checked against the end.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "suan/base/array.h"
#include "suan/base/error.h"

namespace suan::formats {

using Bytes = std::span<const uint8_t>;

template <class... Args>
[[noreturn]] void bad_file(std::string_view where, fmt::format_string<Args...> format,
                           Args&&... args) {
  fail(ErrorCode::kBadFile, where, format, std::forward<Args>(args)...);
}

template <class T>
T from_little_endian(const uint8_t* at) {
  std::array<uint8_t, sizeof(T)> raw;
  std::memcpy(raw.data(), at, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) std::reverse(raw.begin(), raw.end());
  return std::bit_cast<T>(raw);
}

class ByteReader {
 public:
  ByteReader(Bytes bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  Bytes take(uint64_t count, std::string_view what) {
    if (count > remaining()) {
      bad_file(where_, "is truncated: {} at byte {} needs {} bytes, {} are left", what, position_,
               count, remaining());
    }
    const Bytes taken = bytes_.subspan(position_, static_cast<size_t>(count));
    position_ += taken.size();
    return taken;
  }
  template <class T>
  T little(std::string_view what) {
    return from_little_endian<T>(take(sizeof(T), what).data());
  }
  std::string_view text(uint64_t count, std::string_view what) {
    const Bytes taken = take(count, what);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  Bytes bytes_;
  std::string_view where_;
  size_t position_ = 0;
};

// The shape with these sizes and the bytes its data takes; nothing when a size or the product (with
// zeros taken as ones, so that no later product overflows) is beyond 2^48.
inline std::optional<size_t> checked_bytes(std::span<const uint64_t> sizes, size_t element_size) {
  constexpr uint64_t kMax = uint64_t{1} << 48;
  uint64_t product = 1;
  bool empty = false;
  for (uint64_t size : sizes) {
    empty |= size == 0;
    const uint64_t factor = std::max<uint64_t>(size, 1);
    if (factor > kMax || product > kMax / factor) return std::nullopt;
    product *= factor;
  }
  return empty ? 0 : product * element_size;
}
inline Shape to_shape(std::span<const uint64_t> sizes) {
  Shape shape;
  for (uint64_t size : sizes) shape.push_back(static_cast<int64_t>(size));
  return shape;
}

// Reverses the bytes of every element in place.
inline void swap_bytes(uint8_t* data, size_t bytes, size_t element_size) {
  for (size_t i = 0; i + element_size <= bytes; i += element_size) {
    std::reverse(data + i, data + i + element_size);
  }
}

// A bool other than 0 and 1 is undefined behaviour to read, so files must not hold one.
inline void check_bools(Bytes data, std::string_view where, std::string_view name) {
  const auto bad = std::find_if(data.begin(), data.end(), [](uint8_t b) { return b > 1; });
  if (bad != data.end()) {
    bad_file(where, "{} holds the bool {} at {}, expected 0 or 1", name, *bad, bad - data.begin());
  }
}

}  // namespace suan::formats
