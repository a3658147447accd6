// Images: what comes out, and that bombs, lies and damage are refused.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/image.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>

#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

Array ramp(Shape shape) {
  Array image(DType::u8, shape);
  for (int64_t i = 0; i < image.numel(); ++i) {
    image.as<uint8_t>()[i] = static_cast<uint8_t>(i * 255 / image.numel());
  }
  return image;
}
Array decode(const std::string& bytes, ImageOptions options = {}) {
  return decode_image(bytes_of(bytes), "x", options);
}

// A PNG made by hand: header for any size, and compressed data of the caller's.
std::string big_endian(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}
std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
  return big_endian(static_cast<uint32_t>(data.size())) + body +
         big_endian(static_cast<uint32_t>(crc));
}
std::string png(uint32_t width, uint32_t height, char bits, char type, const std::string& pixels,
                const std::string& more = "") {
  std::string packed(compressBound(pixels.size()), '\0');
  uLongf length = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &length,
           reinterpret_cast<const Bytef*>(pixels.data()), pixels.size());
  packed.resize(length);
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR", big_endian(width) + big_endian(height) + std::string{bits, type, 0, 0, 0}) +
         more + chunk("IDAT", packed) + chunk("IEND", "");
}

TEST(Image, PngKeepsEveryPixel) {
  const TempFolder folder;
  for (const Shape& shape : {Shape{5, 7, 1}, Shape{5, 7, 3}}) {
    const Array image = ramp(shape);
    write_png(folder / "x.png", image);
    const Array back = read_image(folder / "x.png");
    EXPECT_EQ(back.shape, shape);
    EXPECT_EQ(std::memcmp(back.as<char>(), image.as<char>(), image.bytes()), 0);
  }
  EXPECT_EQ(decode(encode_png(ramp({5, 7}))).shape, (Shape{5, 7, 1}));
}

TEST(Image, PngDropsAlphaAndConvertsChannelsBitsAndPalettes) {
  const Array image = decode(encode_png(ramp({2, 2, 4})));
  EXPECT_EQ(image.shape, (Shape{2, 2, 3}));
  EXPECT_EQ(image.as<uint8_t>()[3], 4 * 255 / 16);
  EXPECT_EQ(decode(encode_png(ramp({2, 2, 1})), {.channels = 3}).shape, (Shape{2, 2, 3}));
  EXPECT_EQ(decode(encode_png(ramp({2, 2, 3})), {.channels = 1}).shape, (Shape{2, 2, 1}));
  EXPECT_EQ(decode(png(1, 1, 16, 0, std::string("\0\x80\x12", 3))).as<uint8_t>()[0], 0x80);
  EXPECT_EQ(decode(png(2, 1, 1, 0, std::string("\0\x40", 2))).as<uint8_t>()[1], 255);
  const Array palette = decode(png(1, 1, 8, 3, std::string(2, '\0'), chunk("PLTE", "abc")));
  EXPECT_EQ(std::string(palette.as<char>(), 3), "abc");
}

TEST(Image, JpegIsCloseAndKeepsItsChannels) {
  for (int64_t channels : {1, 3}) {
    const Array image = ramp({16, 24, channels});
    const Array back = decode(encode_jpeg(image));
    ASSERT_EQ(back.shape, image.shape);
    for (int64_t i = 0; i < image.numel(); ++i) {
      EXPECT_NEAR(back.as<uint8_t>()[i], image.as<uint8_t>()[i], 8);
    }
  }
  EXPECT_EQ(decode(encode_jpeg(ramp({8, 8, 1})), {.channels = 3}).shape, (Shape{8, 8, 3}));
}

TEST(Image, RefusesAPngBombBeforeAllocatingIt) {
  EXPECT_ERROR(decode(png(50000, 50000, 8, 2, std::string(1000, '\0'))), kBadFile,
               "x: claims 50000 x 50000 pixels, more than its 74 bytes can hold");
  // Its data really is there: 64 MB in 64 kB.
  const std::string bomb = png(20000, 25000, 1, 0, std::string(2501 * 25000, '\0'));
  EXPECT_LT(bomb.size(), 100000u);
  EXPECT_ERROR(decode(bomb), kBadFile,
               "x: is 20000 x 25000 pixels, at most 16384 a side and 67108864 in all are read");
}

TEST(Image, RefusesAJpegOverTheLimit) {
  EXPECT_ERROR(decode(encode_jpeg(ramp({20, 30, 3})), {.max_side = 25}), kBadFile,
               "x: is 30 x 20 pixels, at most 25 a side and 67108864 in all are read");
}

TEST(Image, RefusesTruncatedDamagedAndForeignFiles) {
  const std::string jpeg = encode_jpeg(ramp({64, 64, 3}));
  EXPECT_ERROR(decode(jpeg.substr(0, jpeg.size() - 20)), kBadFile,
               "x: is a damaged JPEG (Premature end of JPEG file)");
  EXPECT_ERROR(decode(jpeg.substr(0, 21)), kBadFile,
               "x: is a damaged JPEG (JPEG datastream contains no image)");
  EXPECT_EQ(decode(jpeg).shape, (Shape{64, 64, 3})) << "the decoder must survive damage";
  const std::string whole = encode_png(ramp({64, 64, 3}));
  EXPECT_ERROR(decode(whole.substr(0, whole.size() / 2)), kBadFile,
               "x: is a damaged PNG (is truncated)");
  EXPECT_ERROR(decode(whole.substr(0, 12)), kBadFile, "x: is a damaged PNG (is truncated)");
  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 1;
  EXPECT_ERROR(decode(flipped), kBadFile, "x: is a damaged PNG (IDAT: CRC error)");
  EXPECT_ERROR(decode("GIF89a"), kBadFile, "x: is no JPEG, JPEG 2000, PNG or WebP image");
  EXPECT_ERROR(decode(""), kBadFile, "x: is no JPEG, JPEG 2000, PNG or WebP image");
}

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}
std::vector<uint8_t> values(const Array& image) {
  return {image.as<uint8_t>(), image.as<uint8_t>() + image.numel()};
}

// The pixels (10, 20, 30) and (200, 100, 50), or 10 and 200, as Pillow writes them without loss.
const std::string kJ2k = from_hex(
    "ff4fff51002f0000000000020000000100000000000000000000000200000001000000000000000000030701010701"
    "01"
    "070101ff52000c00000001000004040001ff5c00044040ff640025000143726561746564206279204f70656e4a5045"
    "47"
    "2076657273696f6e20322e352e34ff90000a0000000000200001ff93cfb40c096877cfb40c06406dcfb40c08360fff"
    "d9");
const std::string kGreyJ2k = from_hex(
    "ff4fff510029000000000002000000010000000000000000000000020000000100000000000000000001070101ff52"
    "00"
    "0c00000001000004040001ff5c00044040ff640025000143726561746564206279204f70656e4a5045472076657273"
    "69"
    "6f6e20322e352e34ff90000a0000000000140001ff93cfb40c096877ffd9");
const std::string kJp2 =
    from_hex(
        "0000000c6a5020200d0a870a00000014667479706a703220000000006a7032200000002d6a7032680000001669"
        "686472"
        "00000001000000020003070700000000000f636f6c7201000000000010000000986a703263") +
    kJ2k;
const std::string kWebp = from_hex(
    "5249464624000000574542505650384c170000002f010000100f700aa82bf89ec2e30abe418b0a44f43f0000");
const std::string kMovingWebp = from_hex(
    "52494646dc00000057454250565038580a00000002000000010000000000414e494d06000000000000000000414e4d"
    "46"
    "600000000000000000000100000000000000000056503820480000003001009d012a020001000140262500009fb000"
    "fe"
    "deabef55ffbff9dffffbea6fed1fb5dfff1cbfb47ed77ffc72fed1fb5dfff1cbfb47ed77ff1174f780433ffd44f611"
    "df"
    "76600000414e4d46480000000000000000000100000000000000000056503820300000009401009d012a0200010000"
    "00"
    "262500006be282e12800fefd29ece3fbc349c2efff5f7943b1321ffe2879adec19500000");

TEST(Image, ReadsJpeg2000AndWebp) {
  const std::vector<uint8_t> colours{10, 20, 30, 200, 100, 50}, greys{18, 124};
  for (const std::string& file : {kJ2k, kJp2, kWebp}) {
    EXPECT_EQ(decode(file).shape, (Shape{1, 2, 3}));
    EXPECT_EQ(values(decode(file)), colours);
    EXPECT_EQ(values(decode(file, {.channels = 1})), greys);
  }
  EXPECT_EQ(values(decode(kGreyJ2k)), (std::vector<uint8_t>{10, 200}));
  EXPECT_EQ(values(decode(kGreyJ2k, {.channels = 3})),
            (std::vector<uint8_t>{10, 10, 10, 200, 200, 200}));
}

TEST(Image, RefusesDamagedJpeg2000AndWebp) {
  EXPECT_ERROR(decode(kWebp.substr(0, kWebp.size() - 8)), kBadFile, "x: is a damaged WebP");
  EXPECT_ERROR(decode(kMovingWebp), kUnsupported, "x: is an animated WebP");
  EXPECT_ERROR(decode(kWebp, {.max_side = 1}), kBadFile,
               "x: is 2 x 1 pixels, at most 1 a side and 67108864 in all are read");
  EXPECT_ERROR(decode(kJ2k, {.max_pixels = 1}), kBadFile,
               "x: is 2 x 1 pixels, at most 16384 a side and 1 in all are read");
  for (const std::string& file : {kJ2k, kJp2}) {
    for (const size_t size : std::initializer_list<size_t>{12, 40, 90, 100}) {
      EXPECT_THROW(decode(file.substr(0, size)), Error) << size;
    }
  }
  std::string deep = kJ2k;
  deep[42] = 15;  // 16 bits a sample
  EXPECT_ERROR(decode(deep), kUnsupported, "x: is a JPEG 2000 that is not grey or RGB of 8 bits");
}

TEST(Image, DecodesIntoTheCallersMemoryOnlyWhenTheSizeFits) {
  uint8_t out[4 * 4 * 3];
  decode_image_into(bytes_of(encode_jpeg(ramp({4, 4, 1}))), "x", {4, 4, 3}, out);
  EXPECT_ERROR(decode_image_into(bytes_of(encode_jpeg(ramp({4, 5, 3}))), "x", {4, 4, 3}, out),
               kBadFile, "x: is 5 x 4 pixels, expected 4 x 4");
}

TEST(Image, RefusesToEncodeOtherShapes) {
  EXPECT_ERROR(encode_png(Array(DType::u8, {3})), kInvalidArgument,
               "encode_png: got u8 [3], expected u8 [height, width, 1, 3 or 4]");
  EXPECT_ERROR(encode_jpeg(Array(DType::f32, {3, 3, 3})), kInvalidArgument,
               "encode_jpeg: got f32 [3, 3, 3], expected u8 [height, width, 1 or 3]");
  EXPECT_ERROR(encode_jpeg(ramp({3, 3}), 0), kInvalidArgument,
               "encode_jpeg: quality 0 is not in 1 to 100");
}

}  // namespace
}  // namespace suan::formats
