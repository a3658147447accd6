// PNG through libpng, whose errors come as longjmp: no C++ object with a destructor may live in
// the functions that call it, so their state is a struct of the caller's.
// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <memory>
#include <vector>

#include "suan/formats/compression.h"
#include "suan/formats/internal/image_codec.h"

namespace suan::formats {
namespace {

void on_error(png_structp png, png_const_charp text) {
  static_cast<std::string*>(png_get_error_ptr(png))->assign(text);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

struct Reader {
  Bytes bytes;
  size_t position = 0;
  std::string error;
  ImageSize size;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<uint8_t*> rows;

  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader->bytes.size() - reader->position) png_error(png, "is truncated");
  std::copy_n(reader->bytes.data() + reader->position, count, out);
  reader->position += count;
}

bool read_header(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_read_fn(reader.png, &reader, read_bytes);
  png_set_user_limits(reader.png, 0x7fffffff, 0x7fffffff);  // the caller checks the size
  png_set_chunk_malloc_max(reader.png, 1 << 20);
  png_set_chunk_cache_max(reader.png, 64);
  png_read_info(reader.png, reader.info);
  const bool colour = (png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_COLOR) != 0;
  reader.size = {png_get_image_height(reader.png, reader.info),
                 png_get_image_width(reader.png, reader.info), colour ? 3 : 1};
  return true;
}

bool read_pixels(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_expand(reader.png);
  png_set_scale_16(reader.png);
  png_set_strip_alpha(reader.png);
  const bool colour = (png_get_color_type(reader.png, reader.info) & PNG_COLOR_MASK_COLOR) != 0;
  if (reader.size.channels == 3 && !colour) png_set_gray_to_rgb(reader.png);
  if (reader.size.channels == 1 && colour) png_set_rgb_to_gray(reader.png, 1, -1, -1);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  const auto row = static_cast<size_t>(reader.size.width * reader.size.channels);
  if (png_get_rowbytes(reader.png, reader.info) != row) png_error(reader.png, "has odd rows");
  png_read_image(reader.png, reader.rows.data());
  png_read_end(reader.png, nullptr);
  return true;
}

struct Writer {
  std::string out, error;
  ImageSize size;
  std::vector<uint8_t*> rows;
  png_structp png = nullptr;
  png_infop info = nullptr;

  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

void write_bytes(png_structp png, png_bytep data, size_t count) {
  static_cast<Writer*>(png_get_io_ptr(png))->out.append(reinterpret_cast<char*>(data), count);
}

bool write_pixels(Writer& writer) {
  if (setjmp(png_jmpbuf(writer.png))) return false;
  png_set_write_fn(writer.png, &writer, write_bytes, nullptr);
  const int type = writer.size.channels == 1   ? PNG_COLOR_TYPE_GRAY
                   : writer.size.channels == 3 ? PNG_COLOR_TYPE_RGB
                                               : PNG_COLOR_TYPE_RGBA;
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(writer.size.width),
               static_cast<png_uint_32>(writer.size.height), 8, type, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  png_write_image(writer.png, writer.rows.data());
  png_write_end(writer.png, nullptr);
  return true;
}

std::vector<uint8_t*> row_pointers(uint8_t* pixels, const ImageSize& size) {
  std::vector<uint8_t*> rows;
  rows.reserve(static_cast<size_t>(size.height));
  for (int64_t y = 0; y < size.height; ++y) rows.push_back(pixels + y * size.width * size.channels);
  return rows;
}

}  // namespace

void decode_png(Bytes bytes, std::string_view where, const Place& place) {
  Reader reader;
  reader.bytes = bytes;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader.error, on_error, on_warning);
  reader.info = reader.png ? png_create_info_struct(reader.png) : nullptr;
  if (!reader.info) fail(ErrorCode::kSystem, where, "libpng could not start");
  if (!read_header(reader)) bad_file(where, "is a damaged PNG ({})", reader.error);
  const ImageSize& size = reader.size;
  // A bit is the least a pixel takes, and deflate shrinks at most 1032 times.
  if (static_cast<uint64_t>(size.height) * static_cast<uint64_t>(size.width) / 8 /
          kMaxDeflateRatio >
      bytes.size()) {
    bad_file(where, "claims {} x {} pixels, more than its {} bytes can hold", size.width,
             size.height, bytes.size());
  }
  uint8_t* out = place(reader.size);
  reader.rows = row_pointers(out, reader.size);
  if (!read_pixels(reader)) bad_file(where, "is a damaged PNG ({})", reader.error);
}

std::string encode_png_pixels(const uint8_t* pixels, const ImageSize& size) {
  Writer writer;
  writer.size = size;
  writer.rows = row_pointers(const_cast<uint8_t*>(pixels), size);
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer.error, on_error, on_warning);
  writer.info = writer.png ? png_create_info_struct(writer.png) : nullptr;
  if (!writer.info || !write_pixels(writer)) {
    fail(ErrorCode::kSystem, "encode_png", "libpng failed: {}", writer.error);
  }
  return std::move(writer.out);
}

}  // namespace suan::formats
