// 512-byte headers in octal.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/tar.h"

#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

constexpr size_t kBlock = 512;

std::string_view text_field(std::string_view header, size_t begin, size_t length) {
  const std::string_view field = header.substr(begin, length);
  return field.substr(0, field.find('\0'));
}

uint64_t octal_field(std::string_view header, size_t begin, size_t length, std::string_view where) {
  uint64_t value = 0;
  bool ended = false;
  for (char c : header.substr(begin, length)) {
    if (c >= '0' && c <= '7' && !ended) {
      value = value * 8 + static_cast<uint64_t>(c - '0');
    } else if (c == ' ' || c == '\0') {
      ended = value != 0;
    } else {
      bad_file(where, "has a damaged tar header");
    }
  }
  return value;
}

// The value of `path` among pax records "27 path=some/name\n".
std::string pax_path(std::string_view records) {
  std::string path;
  while (!records.empty()) {
    const size_t line = records.find('\n');
    const std::string_view record = records.substr(0, line);
    const size_t space = record.find(' ');
    if (space != record.npos && record.substr(space + 1).starts_with("path=")) {
      path = record.substr(space + 6);
    }
    records.remove_prefix(line == records.npos ? records.size() : line + 1);
  }
  return path;
}

}  // namespace

std::vector<TarEntry> tar_entries(Bytes bytes, std::string_view where) {
  ByteReader reader(bytes, where);
  std::vector<TarEntry> entries;
  std::string long_name;
  while (reader.remaining() > 0) {
    const size_t start = reader.position();
    const std::string_view header = reader.text(kBlock, "a tar header");
    if (header.find_first_not_of('\0') == header.npos) break;  // the end mark
    uint64_t sum = 8 * ' ';
    for (size_t i = 0; i < kBlock; ++i) {
      if (i < 148 || i >= 156) sum += static_cast<uint8_t>(header[i]);
    }
    if (sum != octal_field(header, 148, 8, where)) {
      bad_file(where, "is no tar archive, or is damaged at byte {}", start);
    }
    const uint64_t size = octal_field(header, 124, 12, where);
    const Bytes data = reader.take(size, "a tar entry");
    reader.take(std::min<uint64_t>((kBlock - size % kBlock) % kBlock, reader.remaining()), "");
    const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
    const char type = header[156];
    if (type == 'L') {
      long_name = text_field(text, 0, text.size());
    } else if (type == 'x') {
      long_name = pax_path(text);
    } else {
      if (type == '0' || type == '\0') {
        const std::string_view prefix = header.substr(257, 6) == std::string_view("ustar\0", 6)
                                            ? text_field(header, 345, 155)
                                            : std::string_view();
        std::string name(prefix);
        if (!prefix.empty()) name += '/';
        name += text_field(header, 0, 100);
        entries.push_back({long_name.empty() ? name : long_name, data});
      }
      long_name.clear();
    }
  }
  return entries;
}

}  // namespace suan::formats
