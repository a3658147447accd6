// IDX files: what is written is read, and files that lie are refused before they cost memory.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/idx.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "suan/formats/compression.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

std::string header(uint8_t code, std::initializer_list<uint32_t> sizes) {
  std::string text{'\0', '\0', static_cast<char>(code), static_cast<char>(sizes.size())};
  for (uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift);
  }
  return text;
}
Array parse(const std::string& text) { return parse_idx(bytes_of(text), "x.idx"); }
std::string gzip(const std::string& text) { return deflate_all(bytes_of(text), Deflate::gzip); }

TEST(Idx, ReadsBytesPlainAndGzipped) {
  const std::string file = header(8, {2, 3}) + "abcdef";
  for (const std::string& text : {file, gzip(file)}) {
    const Array array = parse(text);
    EXPECT_EQ(array.dtype, DType::u8);
    EXPECT_EQ(array.shape, (Shape{2, 3}));
    EXPECT_EQ(array.span<uint8_t>()[5], 'f');
  }
}

TEST(Idx, WritesEveryDtypeItCanHoldInBigEndian) {
  const TempFolder folder;
  for (DType dtype : {DType::u8, DType::i8, DType::i32, DType::f32, DType::f64}) {
    Array array(dtype, {3});
    for (size_t i = 0; i < array.bytes(); ++i) array.as<uint8_t>()[i] = static_cast<uint8_t>(i);
    for (const char* name : {"a", "a.gz"}) {
      write_idx(folder / name, array);
      const Array back = read_idx(folder / name);
      EXPECT_EQ(back.dtype, dtype);
      EXPECT_EQ(std::memcmp(back.as<uint8_t>(), array.as<uint8_t>(), array.bytes()), 0);
    }
  }
  write_idx(folder / "i", Array::of<int32_t>(std::vector{1}, {1}));
  EXPECT_EQ(read_file(folder / "i"), header(0x0C, {1}) + std::string("\0\0\0\1", 4));
  EXPECT_ERROR(write_idx(folder / "h", Array(DType::f16, {1})), kInvalidArgument,
               folder / "h" + ": IDX files cannot hold f16");
}

TEST(Idx, RefusesAHeaderThatClaimsMoreThanTheFileHolds) {
  EXPECT_ERROR(parse(header(8, {0x10000, 0x1000, 0x1000}) + "abc"), kBadFile,
               "x.idx: claims 65536 x 4096 x 4096 elements (u8), more than the file can hold");
  EXPECT_ERROR(parse(gzip(header(8, {0x10000, 0x1000, 0x1000}) + "abc")), kBadFile,
               "x.idx: claims 65536 x 4096 x 4096 elements (u8), more than the file can hold");
  const uint32_t most = 0xffffffff;
  EXPECT_ERROR(parse(header(14, {most, most, most, 0})), kBadFile,
               "x.idx: claims 4294967295 x 4294967295 x 4294967295 x 0 elements (f64), more than "
               "the file can hold");
}

TEST(Idx, RefusesTruncatedTrailingAndForeignFiles) {
  EXPECT_ERROR(parse(""), kBadFile, "x.idx: is truncated: its header needs 4 bytes");
  EXPECT_ERROR(parse("PK\3\4"), kBadFile,
               "x.idx: is no IDX file: it starts with 50 4b, expected 00 00");
  EXPECT_ERROR(parse(header(8, {2, 3}).substr(0, 9)), kBadFile,
               "x.idx: is truncated: size 1 is missing");
  EXPECT_ERROR(parse(header(8, {6}) + "abcde"), kBadFile,
               "x.idx: is truncated: got 5 bytes of data, expected 6");
  EXPECT_ERROR(parse(header(8, {6}) + "abcdefg"), kBadFile,
               "x.idx: has data after the 6 bytes it announces");
  EXPECT_ERROR(parse(header(0x0B, {1}) + "ab"), kUnsupported,
               "x.idx: has elements of type 0x0b, expected u8, i8, i32, f32 or f64");
  EXPECT_ERROR(parse(std::string("\0\0\x08\x09", 4)), kBadFile,
               "x.idx: has 9 dimensions, at most 8 are supported");
}

TEST(Idx, RefusesDamagedGzipData) {
  const std::string file = gzip(header(8, {6}) + "abcdef");
  EXPECT_ERROR(parse(file.substr(0, 20)), kBadFile,
               "x.idx: is truncated: its compressed data ends early");
  std::string bad = file;
  bad[bad.size() - 6] ^= 1;  // the checksum
  EXPECT_ERROR(parse(bad), kBadFile, "x.idx: has damaged compressed data (incorrect data check)");
}

TEST(Idx, ReadsTheOfficialMnistFiles) {
  const char* root = std::getenv("SUAN_DATA");
  if (!root) GTEST_SKIP() << "SUAN_DATA is not set";
  const Array images = read_idx(std::string(root) + "/mnist/t10k-images-idx3-ubyte.gz");
  EXPECT_EQ(images.shape, (Shape{10000, 28, 28}));
  const Array labels = read_idx(std::string(root) + "/mnist/t10k-labels-idx1-ubyte.gz");
  EXPECT_EQ(labels.as<uint8_t>()[0], 7);
}

}  // namespace
}  // namespace suan::formats
