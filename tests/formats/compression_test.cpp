// Unpacking with limits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/compression.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

TEST(Compression, UnpacksWhatItPacks) {
  for (size_t size : {size_t{0}, size_t{5}, size_t{1} << 20, (size_t{5} << 20) + 1}) {
    std::string text(size, 'x');
    for (size_t i = 0; i < size; i += 7) text[i] = static_cast<char>(i * 31);
    for (Deflate kind : {Deflate::raw, Deflate::gzip}) {
      const std::string packed = deflate_all(bytes_of(text), kind);
      EXPECT_EQ(inflate_all(bytes_of(packed), kind, "x", size), text);
    }
    EXPECT_EQ(unzstd(bytes_of(zstd(text)), "x", size), text);
  }
}

TEST(Compression, StopsABombAtItsLimit) {
  const std::string zeros(10 << 20, '\0');
  EXPECT_ERROR(inflate_all(bytes_of(deflate_all(bytes_of(zeros), Deflate::gzip)), Deflate::gzip,
                           "bomb.gz", 1000),
               kBadFile, "bomb.gz: unpacks to more than 1000 bytes");
  EXPECT_ERROR(unzstd(bytes_of(zstd(zeros)), "bomb.zst", 1000), kBadFile,
               "bomb.zst: unpacks to more than 1000 bytes");
}

TEST(Compression, NamesTruncatedAndDamagedData) {
  const std::string packed = zstd(std::string(1000, 'a') + "bcd");
  EXPECT_ERROR(unzstd(bytes_of(packed.substr(0, packed.size() - 1)), "x.zst", 5000), kBadFile,
               "x.zst: is truncated: its compressed data ends early");
  EXPECT_ERROR(unzstd(bytes_of("hello, this is text"), "x.zst", 5000), kBadFile,
               "x.zst: has damaged zstd data (Unknown frame descriptor)");
  EXPECT_ERROR(unzstd(bytes_of(""), "x.zst", 5000), kBadFile,
               "x.zst: is truncated: its compressed data ends early");
}

TEST(Compression, ReadsPlainAndGzippedFilesAlike) {
  const TempFolder folder;
  const std::string plain = folder.file("a", "text");
  const std::string packed = folder.file("b", deflate_all(bytes_of("text"), Deflate::gzip));
  EXPECT_EQ(read_plain_or_gzip(plain), "text");
  EXPECT_EQ(read_plain_or_gzip(packed), "text");
}

}  // namespace
}  // namespace suan::formats
