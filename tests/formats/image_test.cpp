// JPEG and PNG: what comes out, and that bombs, lies and damage are refused.
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
  EXPECT_ERROR(decode("GIF89a"), kBadFile, "x: is neither a JPEG nor a PNG image");
  EXPECT_ERROR(decode(""), kBadFile, "x: is neither a JPEG nor a PNG image");
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
