// Zip archives, read from memory and written whole: entries stored or deflated, no encryption.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/file.h"

namespace suan::formats {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  uint64_t size = 0;  // unpacked; what a deflated entry unpacks to is checked against it
  std::span<const uint8_t> data;
};

// The entries by the central directory (APPNOTE.TXT 6.3, with Zip64 sizes), in its order. The spans
// point into `bytes`. Throws Error(kBadFile) for entries outside the file, overlapping entries,
// names twice, or sizes that no deflate data can reach.
std::vector<ZipEntry> zip_entries(std::span<const uint8_t> bytes, std::string_view where);
// The unpacked bytes of one entry, its checksum verified.
std::string unzip(const ZipEntry& entry, std::string_view where);

// Writes entries one after another and the directory in finish(). Up to 4 GiB in all.
class ZipWriter {
 public:
  explicit ZipWriter(const std::string& path) : path_(path), file_(path) {}
  void add(std::string_view name, std::string_view contents, bool deflate);
  void finish();

 private:
  void write(std::string_view text);
  std::string path_;
  AtomicFile file_;
  uint64_t position_ = 0;
  std::string directory_;
  uint32_t count_ = 0;
};

}  // namespace suan::formats
