// Chooses the codec by the file's first bytes and guards the size.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/image.h"

#include "suan/base/file.h"
#include "suan/formats/internal/image_codec.h"

namespace suan::formats {
namespace {

void decode(Bytes bytes, std::string_view where, const Place& place) {
  constexpr std::string_view kPng = "\x89PNG\r\n\x1a\n", kJpeg = "\xff\xd8\xff",
                             kJp2{"\0\0\0\x0cjP  \r\n\x87\n", 12}, kJ2k = "\xff\x4f\xff\x51";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(kJpeg)) return decode_jpeg(bytes, where, place);
  if (text.starts_with(kPng)) return decode_png(bytes, where, place);
  if (text.starts_with(kJp2) || text.starts_with(kJ2k)) return decode_jpeg2000(bytes, where, place);
  if (text.starts_with("RIFF") && text.substr(0, 12).ends_with("WEBP")) {
    return decode_webp(bytes, where, place);
  }
  bad_file(where, "is no JPEG, JPEG 2000, PNG or WebP image");
}

}  // namespace

ImageSize image_size(const Array& pixels, int64_t max_channels, std::string_view op) {
  const Shape& shape = pixels.shape;
  const int64_t channels = shape.rank() == 3 ? shape[2] : 1;
  const bool fits = pixels.dtype == DType::u8 && (shape.rank() == 2 || shape.rank() == 3) &&
                    shape[0] > 0 && shape[1] > 0 && shape[0] <= 65535 && shape[1] <= 65535 &&
                    (channels == 1 || channels == 3 || (channels == 4 && max_channels == 4));
  if (!fits) {
    fail(op, "got {} {}, expected u8 [height, width, 1{} or {}]", name(pixels.dtype),
         to_string(shape), max_channels == 4 ? ", 3" : "", max_channels);
  }
  return {shape[0], shape[1], channels};
}

Array decode_image(Bytes bytes, std::string_view where, const ImageOptions& options) {
  Array image;
  decode(bytes, where, [&](ImageSize& size) {
    if (size.height > options.max_side || size.width > options.max_side ||
        size.height * size.width > options.max_pixels) {
      bad_file(where, "is {} x {} pixels, at most {} a side and {} in all are read", size.width,
               size.height, options.max_side, options.max_pixels);
    }
    if (options.channels != 0) size.channels = options.channels;
    image = Array(DType::u8, {size.height, size.width, size.channels});
    return image.as<uint8_t>();
  });
  return image;
}

void decode_image_into(Bytes bytes, std::string_view where, const ImageSize& expected,
                       uint8_t* out) {
  decode(bytes, where, [&](ImageSize& size) {
    if (size.height != expected.height || size.width != expected.width) {
      bad_file(where, "is {} x {} pixels, expected {} x {}", size.width, size.height,
               expected.width, expected.height);
    }
    size.channels = expected.channels;
    return out;
  });
}

void to_grey(const uint8_t* rgb, int64_t pixels, uint8_t* out) {
  for (int64_t i = 0; i < pixels; ++i, rgb += 3) {
    out[i] =
        static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000) >> 16);
  }
}

Array read_image(const std::string& path, const ImageOptions& options) {
  const std::string bytes = read_file(path, size_t{1} << 28);
  return decode_image(bytes_of(bytes), path, options);
}

std::string encode_png(const Array& pixels) {
  return encode_png_pixels(pixels.as<uint8_t>(), image_size(pixels, 4, "encode_png"));
}

void write_png(const std::string& path, const Array& pixels) {
  write_file_atomically(path, encode_png(pixels));
}

}  // namespace suan::formats
