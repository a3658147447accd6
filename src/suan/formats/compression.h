// Deflate, gzip and Zstandard, always with a limit: a small file may claim to hold petabytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "suan/base/file.h"

namespace suan::formats {

inline constexpr size_t kMaxDeflateRatio = 1032;  // no deflate stream expands more than this

enum class Deflate { raw, gzip };  // RFC 1951 and RFC 1952

// Decompresses a deflate stream piece by piece. Throws Error(kBadFile) naming `where`.
class Inflater {
 public:
  Inflater(std::span<const uint8_t> compressed, Deflate kind, std::string_view where);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  // Fills `out` unless the stream ends first; says how many bytes it wrote.
  size_t read(uint8_t* out, size_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

bool is_gzip(std::span<const uint8_t> bytes);
std::string inflate_all(std::span<const uint8_t> compressed, Deflate kind, std::string_view where,
                        size_t limit);
std::string deflate_all(std::span<const uint8_t> bytes, Deflate kind);

std::string unzstd(std::span<const uint8_t> compressed, std::string_view where, size_t limit);

// A file's bytes, unpacked when it is a gzip file; `limit` holds for the unpacked size.
std::string read_plain_or_gzip(const std::string& path, size_t limit = kFileLimit);

}  // namespace suan::formats
