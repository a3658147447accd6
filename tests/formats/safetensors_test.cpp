// safetensors: no copies, every dtype, and each way a header can lie.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/safetensors.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

std::string file(std::string header, size_t data, bool pad = true) {
  if (pad) header.append((8 - header.size() % 8) % 8, ' ');
  const uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + std::string(data, '\1');
}
Safetensors parse(const std::string& text) {
  return parse_safetensors(Buffer::copy_of(text.data(), text.size()), "x.safetensors");
}
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& range) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + range + "}";
}
void expect_bad(const std::string& header, size_t data, const std::string& message,
                ErrorCode code = ErrorCode::kBadFile) {
  try {
    parse(file(header, data));
    ADD_FAILURE() << "no error, expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "x.safetensors: " + message);
    EXPECT_EQ(error.code(), code);
  }
}

TEST(Safetensors, WritesAndReadsEveryDtypeInFileOrder) {
  const TempFolder folder;
  Safetensors out;
  for (int i = kNumArithmeticDTypes - 1; i >= 0; --i) {
    Array array(static_cast<DType>(i), {3});
    for (size_t k = 0; k < array.bytes(); ++k) array.as<uint8_t>()[k] = k % 2;
    out.tensors.push_back({"t" + std::to_string(i), array});
  }
  out.tensors.push_back({"empty", Array(DType::f32, {0, 4})});
  out.metadata = {{"format", "suan"}, {"note", "\"quoted\" \xe7\xae\x97"}};
  write_safetensors(folder / "m", out);
  const Safetensors back = read_safetensors(folder / "m");
  EXPECT_EQ(back.metadata, out.metadata);
  ASSERT_EQ(back.tensors.size(), out.tensors.size());
  for (const NamedArray& wrote : out.tensors) {
    const Array* read = find(back.tensors, wrote.name);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->dtype, wrote.array.dtype);
    EXPECT_EQ(read->shape, wrote.array.shape);
    EXPECT_EQ(std::memcmp(read->as<char>(), wrote.array.as<char>(), read->bytes()), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(read->as<char>()) % size_of(read->dtype), 0u);
  }
  EXPECT_EQ(back.tensors[0].name, "t8");  // u64, i64 and f64, as given, before all others
  EXPECT_EQ(back.tensors[1].name, "t4");
  EXPECT_EQ(back.tensors[2].name, "t0");
}

TEST(Safetensors, ArraysPointIntoTheFileAndKeepItMapped) {
  const TempFolder folder;
  write_safetensors(folder / "m", {{{"a", Array::of<float>(std::vector{1.f, 2.f}, {2})},
                                    {"b", Array::of<float>(std::vector{3.f}, {1})}},
                                   {}});
  Array b;
  {
    Safetensors all = read_safetensors(folder / "m");
    EXPECT_EQ(all.tensors[0].array.as<float>() + 2, all.tensors[1].array.as<float>());
    b = all.tensors[1].array;
  }
  std::filesystem::remove(folder / "m");
  EXPECT_EQ(b.as<float>()[0], 3.f);
}

TEST(Safetensors, ReadsAnOldFileWithAnUnpaddedHeader) {
  std::string header = "{" + entry("a", "F32", "[2]", "[0,8]") + "}";
  while (header.size() % 4 != 1) header += ' ';
  const Safetensors old = parse(file(header, 8, false));
  EXPECT_EQ(old.tensors[0].array.shape, Shape{2});
  EXPECT_EQ(old.tensors[0].array.as<uint32_t>()[1], 0x01010101u);
}

TEST(Safetensors, RefusesRangesThatLie) {
  expect_bad(
      "{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12,
      "tensors 'a' and 'b' overlap");
  expect_bad("{" + entry("a", "F32", "[2]", "[0,8]") + "}", 7,
             "tensor 'a' lies outside the file: it ends at 8, the data at 7");
  expect_bad("{" + entry("a", "F32", "[2]", "[0,8]") + "}", 9, "has 1 unused bytes at its end");
  expect_bad("{" + entry("a", "F32", "[1]", "[4,8]") + "}", 8,
             "has 4 unused bytes before tensor 'a'");
  expect_bad("{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "F32", "[1]", "[2,6]") + "}",
             6, "tensor 'b' starts at 2, which is not aligned for F32");
  for (const char* range : {"[0,4]", "[8,0]", "[0]", "[0,8,8]"}) {
    expect_bad("{" + entry("a", "F32", "[2]", range) + "}", 8,
               "tensor 'a' has data_offsets that do not fit its shape and dtype");
  }
  expect_bad("{" + entry("a", "F32", "[4294967296,4294967296,0]", "[0,0]") + "}", 0,
             "tensor 'a' has data_offsets that do not fit its shape and dtype");
}

TEST(Safetensors, RefusesHeadersThatLie) {
  EXPECT_ERROR(
      parse("1234567"), kBadFile,
      "x.safetensors: is truncated: the header length at byte 0 needs 8 bytes, 7 are left");
  EXPECT_ERROR(parse(std::string(8, '\x7f')), kBadFile,
               "x.safetensors: claims a header of 9187201950435737471 bytes, at most 100000000 are "
               "read");
  EXPECT_ERROR(parse(std::string("\x10\0\0\0\0\0\0\0{}", 10)), kBadFile,
               "x.safetensors: is truncated: the header at byte 8 needs 16 bytes, 2 are left");
  expect_bad("{", 0, "has a header that is no valid JSON");
  expect_bad("[]", 0, "has a header that is no JSON object");
  expect_bad("{\"a\":{\"shape\":[[[[]]]]}}", 0,
             "has a header nested deeper than a tensor's fields");
  const std::string a = entry("a", "U8", "[0]", "[0,0]");
  expect_bad("{" + a + "," + a + "}", 0, "has 'a' twice in its header");
  expect_bad("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 0, "has 'dtype' twice in its header");
}

TEST(Safetensors, RefusesFieldsOfTheWrongKind) {
  expect_bad("{\"a\":1}", 0, "tensor 'a' has no fields");
  expect_bad("{\"a\":{}}", 0, "tensor 'a' has no dtype");
  expect_bad("{\"a\":{\"dtype\":\"U8\"}}", 0, "tensor 'a' has no shape");
  expect_bad("{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 0, "tensor 'a' has no data_offsets");
  expect_bad("{" + entry("a", "U8", "[-1]", "[0,0]") + "}", 0,
             "tensor 'a' has a shape that is no list of sizes");
  expect_bad("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") + "}", 1,
             "tensor 'a' has 9 dimensions, at most 8 are supported");
  expect_bad("{" + entry("a", "F8_E4M3", "[1]", "[0,1]") + "}", 1,
             "tensor 'a' has the dtype F8_E4M3, which Suan does not have", ErrorCode::kUnsupported);
  expect_bad("{\"__metadata__\":1}", 0, "has a __metadata__ that is no object");
  expect_bad("{\"__metadata__\":{\"a\":1}}", 0, "has the metadata 'a', which is no text");
  std::string bools = file("{" + entry("a", "BOOL", "[2]", "[0,2]") + "}", 2);
  bools.back() = 7;
  EXPECT_ERROR(parse(bools), kBadFile,
               "x.safetensors: tensor 'a' holds the bool 7 at 1, expected 0 or 1");
}

TEST(Safetensors, RefusesToWriteANameTwiceOrTextThatIsNotUtf8) {
  const TempFolder folder;
  const Array array(DType::u8, {1});
  EXPECT_ERROR(write_safetensors(folder / "m", {{{"a", array}, {"a", array}}, {}}),
               kInvalidArgument, folder / "m" + ": the tensor name 'a' is taken");
  EXPECT_ERROR(write_safetensors(folder / "m", {{{"\xff", array}}, {}}), kInvalidArgument,
               folder / "m" + ": a name or a metadata text is not valid UTF-8");
  EXPECT_ERROR(write_safetensors("/dev/full", {{{"a", array}}, {}}), kSystem,
               "/dev/full: could not write it: No space left on device");
}

}  // namespace
}  // namespace suan::formats
