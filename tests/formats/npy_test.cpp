// .npy and .npz: byte orders, memory orders, versions, and files that lie.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/npy.h"

#include <gtest/gtest.h>

#include <numeric>

#include "suan/formats/zip.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string text = "\x93NUMPY";
  text += {static_cast<char>(version), '\0', static_cast<char>(header.size()), '\0'};
  if (version > 1) text += {'\0', '\0'};
  return text + header + data;
}
std::string header(const std::string& descr, const std::string& shape,
                   const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}
Array parse(const std::string& text) { return parse_npy(bytes_of(text), "x.npy"); }

Array numbers(DType dtype, Shape shape) {
  Array array(dtype, shape);
  for (size_t i = 0; i < array.bytes(); ++i) array.as<uint8_t>()[i] = static_cast<uint8_t>(i % 2);
  return array;
}

TEST(Npy, WritesAndReadsEveryDtypeAndRank) {
  const TempFolder folder;
  for (int i = 0; i < kNumArithmeticDTypes; ++i) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 0}, Shape{2, 3, 4}}) {
      const Array array = numbers(static_cast<DType>(i), shape);
      write_npy(folder / "a.npy", array);
      const Array back = read_npy(folder / "a.npy");
      EXPECT_EQ(back.dtype, array.dtype);
      EXPECT_EQ(back.shape, shape);
      EXPECT_EQ(std::memcmp(back.as<char>(), array.as<char>(), array.bytes()), 0);
    }
  }
}

TEST(Npy, WritesTheHeaderNumpyWrites) {
  const TempFolder folder;
  write_npy(folder / "a.npy", numbers(DType::i32, {1, 2}));
  const std::string text = read_file(folder / "a.npy");
  EXPECT_EQ(text.substr(0, 68), std::string("\x93NUMPY\1\0v\0", 10) +
                                    "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), ");
  EXPECT_EQ(text.size(), 128u + 8u);
}

TEST(Npy, ReadsVersionsBigEndianAndColumnMajor) {
  const std::string data{0, 1, 0, 2};
  for (int version : {1, 2, 3}) {
    const Array array = parse(npy(header("|u1", "(4,)"), data, version));
    EXPECT_EQ(array.as<uint8_t>()[3], 2);
  }
  const Array big = parse(npy(header(">i4", "()"), data));
  EXPECT_EQ(big.as<int32_t>()[0], 0x00010002);
  const Array columns = parse(npy(header("|u1", "(2, 3)", "True"), "adbecf"));
  EXPECT_EQ(std::string(columns.as<char>(), 6), "abcdef");
}

TEST(Npy, RefusesForeignTruncatedAndLyingFiles) {
  EXPECT_ERROR(parse("PK"), kBadFile, "x.npy: is no .npy file: its first bytes are not \\x93NUMPY");
  EXPECT_ERROR(parse(npy("", "").substr(0, 9)), kBadFile,
               "x.npy: is truncated: the header length at byte 8 needs 2 bytes, 1 are left");
  EXPECT_ERROR(parse(npy(header("<f4", "(3,)"), "abcd")), kBadFile,
               "x.npy: holds 4 bytes of data, but claims 3 elements (f32)");
  EXPECT_ERROR(parse(npy(header("<f4", "()"), "abcde")), kBadFile,
               "x.npy: holds 5 bytes of data, but claims 1 elements (f32)");
  EXPECT_ERROR(parse(npy(header("<f4", "(1099511627776, 1099511627776)"), "abcd")), kBadFile,
               "x.npy: holds 4 bytes of data, but claims 1099511627776 x 1099511627776 elements "
               "(f32)");
  EXPECT_ERROR(parse(npy("", "", 4)), kUnsupported,
               "x.npy: has .npy version 4, expected 1, 2 or 3");
  EXPECT_ERROR(parse(npy("", "", 2).substr(0, 8) + "\xff\xff\xff\x7f"), kBadFile,
               "x.npy: has a .npy header of 2147483647 bytes, at most 65536 are read");
  EXPECT_ERROR(parse(npy(header("|b1", "(3,)"), std::string("\1\0\2", 3))), kBadFile,
               "x.npy: the array holds the bool 2 at 2, expected 0 or 1");
}

TEST(Npy, RefusesDtypesItDoesNotHaveAndPickles) {
  for (const char* descr : {"|O", "<c8", "<f16", "<U3", "<M8[ns]", "|f4", ""}) {
    EXPECT_ERROR(parse(npy(header(descr, "(1,)"), "")), kUnsupported,
                 std::string("x.npy: has the dtype ") + descr + ", which Suan does not have");
  }
  EXPECT_ERROR(parse(npy("{'descr': [('a', '<f4')], 'shape': (1,)}", "")), kUnsupported,
               "x.npy: has the dtype a structure, which Suan does not have");
}

TEST(Npy, RefusesDamagedHeaders) {
  const auto text = [](const std::string& h) {
    try {
      parse(npy(h, ""));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(text(""), "x.npy: has a damaged .npy header: expected '{'");
  EXPECT_EQ(text("{'shape': (1)"), "x.npy: has a damaged .npy header: expected '}'");
  EXPECT_EQ(text("{'shape': (x)"), "x.npy: has a damaged .npy header: expected a size");
  EXPECT_EQ(text("{'shape"), "x.npy: has a damaged .npy header: expected '''");
  EXPECT_EQ(text("{'fortran_order': 1"),
            "x.npy: has a damaged .npy header: expected True or False");
  EXPECT_EQ(text("{'hello': 1}"), "x.npy: has the unknown .npy header key 'hello'");
  EXPECT_EQ(text("{'shape': (1,)}"),
            "x.npy: lacks descr, fortran_order or shape in its .npy header");
  EXPECT_EQ(text("{'shape': (1,1,1,1,1,1,1,1,1)}"), "x.npy: has more than 8 dimensions");
}

TEST(Npz, WritesAndReadsSeveralArrays) {
  const TempFolder folder;
  Array ramp(DType::f32, {1000});
  std::iota(ramp.as<float>(), ramp.as<float>() + 1000, 0.0f);
  for (const bool compress : {false, true}) {
    write_npz(folder / "a.npz", {{"z", ramp}, {"a", numbers(DType::u8, {2})}}, compress);
    const NamedArrays back = read_npz(folder / "a.npz");
    ASSERT_EQ(back.size(), 2u);
    EXPECT_EQ(back[0].name, "z");
    EXPECT_EQ(find(back, "z")->as<float>()[999], 999.0f);
    EXPECT_EQ(find(back, "a")->as<uint8_t>()[1], 1);
    EXPECT_EQ(find(back, "b"), nullptr);
  }
}

class NpzFile {
 public:
  NpzFile() {
    const std::string path = folder_ / "a.npz";
    write_npz(path, {{"a", numbers(DType::u8, {1000})}, {"b", numbers(DType::u8, {4})}}, true);
    text_ = read_file(path);
  }
  size_t directory() const { return text_.find("PK\1\2"); }
  std::string& text() { return text_; }
  NamedArrays parse() const { return parse_npz(bytes_of(text_), "x.npz"); }

 private:
  TempFolder folder_;
  std::string text_;
};

TEST(Npz, RefusesForeignFilesAndEntries) {
  EXPECT_ERROR(parse_npz(bytes_of("hello"), "x.npz"), kBadFile,
               "x.npz: is no zip file, or its end is missing");
  const TempFolder folder;
  ZipWriter zip(folder / "a.npz");
  zip.add("readme.txt", "hi", false);
  zip.finish();
  EXPECT_ERROR(read_npz(folder / "a.npz"), kBadFile,
               folder / "a.npz" + ": holds 'readme.txt', which is no .npy array");
}

TEST(Npz, RefusesEntriesThatLie) {
  NpzFile size;
  size.text()[size.directory() + 26] = 0x7f;  // the unpacked size becomes 8 million
  EXPECT_ERROR(size.parse(), kBadFile,
               "x.npz: entry 'a.npy' claims 8324200 bytes, which its 80 packed bytes cannot hold");
  NpzFile twice;
  twice.text()[twice.text().rfind("b.npy")] = 'a';
  EXPECT_ERROR(twice.parse(), kBadFile, "x.npz: holds 'a.npy' twice");
  NpzFile crc;
  crc.text()[crc.directory() + 16] ^= 1;
  EXPECT_ERROR(crc.parse(), kBadFile, "x.npz: entry 'a.npy' has a wrong checksum");
  NpzFile packing;
  packing.text()[packing.directory() + 10] = 12;
  EXPECT_ERROR(packing.parse(), kUnsupported,
               "x.npz: entry 'a.npy' has compression 12, expected 0 or 8");
  NpzFile secret;
  secret.text()[secret.directory() + 8] |= 1;
  EXPECT_ERROR(secret.parse(), kUnsupported, "x.npz: entry 'a.npy' is encrypted");
  NpzFile outside;
  outside.text()[outside.directory() + 45] = 0x7f;
  EXPECT_ERROR(outside.parse(), kBadFile, "x.npz: entry 'a.npy' lies outside the file");
  NpzFile nowhere;
  nowhere.text()[nowhere.directory() + 42] = 1;
  EXPECT_ERROR(nowhere.parse(), kBadFile, "x.npz: entry 'a.npy' has no local header");
  NpzFile damaged;
  damaged.text()[damaged.directory()] = 'Q';
  EXPECT_ERROR(damaged.parse(), kBadFile, "x.npz: has a damaged zip directory");
}

TEST(Npz, RefusesOverlappingEntries) {
  NpzFile file;
  const size_t second = file.text().rfind("PK\1\2");
  file.text().replace(second + 16, 12, file.text().substr(file.directory() + 16, 12));
  file.text().replace(second + 42, 4, std::string(4, '\0'));  // both entries at byte 0
  EXPECT_ERROR(file.parse(), kBadFile, "x.npz: has entries that overlap");
}

}  // namespace
}  // namespace suan::formats
