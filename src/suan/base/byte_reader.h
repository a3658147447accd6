// Reading numbers out of bytes that cannot be trusted: every step is checked against the end.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>

#include "suan/base/error.h"

namespace suan {

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

}  // namespace suan
