// Reading headers, and copying rows.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/raster.h"

#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include "suan/base/error.h"

namespace suan::onnx {
namespace {

using Bytes = std::span<const uint8_t>;

template <class... Args>
[[noreturn]] void damaged(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::kBadFile, "image", format, std::forward<Args>(args)...);
}
[[noreturn]] void unsupported(std::string_view what) {
  fail(ErrorCode::kUnsupported, "image", "{}", what);
}

// Numbers at offsets, in either byte order; throws where the file ends before.
class Reader {
 public:
  Reader(Bytes bytes, bool big) : bytes_(bytes), big_(big) {}
  uint32_t number(size_t offset, size_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) damaged("ends too early");
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      value |= uint32_t{bytes_[offset + i]} << 8 * (big_ ? size - 1 - i : i);
    }
    return value;
  }
  uint32_t u16(size_t offset) const { return number(offset, 2); }
  uint32_t u32(size_t offset) const { return number(offset, 4); }
  Bytes part(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) damaged("ends too early");
    return bytes_.subspan(offset, size);
  }

 private:
  Bytes bytes_;
  bool big_;
};

Array make_image(int64_t height, int64_t width) {
  constexpr int64_t kMostSide = 16384, kMostPixels = int64_t{1} << 26;
  if (height < 1 || width < 1 || height > kMostSide || width > kMostSide ||
      height * width > kMostPixels) {
    damaged("is {} x {} pixels, at most {} a side and {} in all are read", width, height, kMostSide,
            kMostPixels);
  }
  return {DType::u8, {height, width, 3}};
}

// One row of `width` pixels of `samples` bytes; a single sample is grey, a fourth is left out.
void copy_row(const uint8_t* from, int64_t width, int64_t samples, uint8_t* to) {
  for (int64_t i = 0; i < width; ++i, from += samples, to += 3) {
    for (int64_t c = 0; c < 3; ++c) to[c] = from[samples < 3 ? 0 : c];
  }
}

Array decode_bmp(Bytes bytes) {
  const Reader file(bytes, false);
  if (file.u32(14) < 40) unsupported("is a BMP of an old kind");
  const auto width = static_cast<int32_t>(file.u32(18));
  const auto height = static_cast<int32_t>(file.u32(22));  // negative: the top row comes first
  const uint32_t bits = file.u16(28);
  if (file.u32(30) != 0 || (bits != 24 && bits != 32)) {
    unsupported("is a BMP with a palette or compressed, expected 24 or 32 bits");
  }
  const int64_t rows = std::abs(int64_t{height});
  Array image = make_image(rows, width);
  const uint64_t stride = (uint64_t{bits} / 8 * static_cast<uint64_t>(width) + 3) / 4 * 4;
  const Bytes pixels = file.part(file.u32(10), stride * static_cast<uint64_t>(rows));
  for (int64_t y = 0; y < rows; ++y) {
    const int64_t row = height < 0 ? y : rows - 1 - y;
    uint8_t* to = image.as<uint8_t>() + y * width * 3;
    copy_row(pixels.data() + static_cast<uint64_t>(row) * stride, width, bits / 8, to);
    for (int64_t x = 0; x < width; ++x) std::swap(to[3 * x], to[3 * x + 2]);  // blue comes first
  }
  return image;
}

// The next number of a PNM's header, past spaces and comments.
int64_t header_number(Bytes bytes, size_t& at) {
  const auto is_space = [](uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (at < bytes.size() && (is_space(bytes[at]) || bytes[at] == '#')) {
    if (bytes[at] == '#') {
      while (at < bytes.size() && bytes[at] != '\n') ++at;
    } else {
      ++at;
    }
  }
  int64_t value = -1;
  for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9' && value < 1'000'000; ++at) {
    value = std::max<int64_t>(value, 0) * 10 + bytes[at] - '0';
  }
  if (value < 0) damaged("has no size");
  return value;
}

Array decode_pnm(Bytes bytes) {
  const int64_t samples = bytes[1] == '6' ? 3 : 1;
  size_t at = 2;
  const int64_t width = header_number(bytes, at), height = header_number(bytes, at);
  const int64_t most = header_number(bytes, at);
  if (most != 255) unsupported("is a PNM with other than 8 bits a sample");
  Array image = make_image(height, width);
  const Bytes pixels =
      Reader(bytes, true).part(at + 1, static_cast<uint64_t>(height * width * samples));
  copy_row(pixels.data(), height * width, samples, image.as<uint8_t>());
  return image;
}

// The fields of a TIFF's first image that say how it lies in the file.
struct Tiff {
  int64_t width = 0, height = 0, samples = 1, rows = INT64_MAX;
  uint32_t compression = 1, photometric = 1, planar = 1;
  uint64_t bits = 0, strips = 0, strip_size = 4;  // offsets of lists
  int64_t strip_count = 0;
};

Tiff read_tiff(const Reader& file) {
  Tiff t;
  const uint64_t directory = file.u32(4);
  const uint32_t entries = file.u16(directory);
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t at = directory + 2 + 12 * uint64_t{i};
    const uint32_t tag = file.u16(at), type = file.u16(at + 2), count = file.u32(at + 4);
    const uint64_t size = type == 3 ? 2 : type == 4 ? 4 : 1;
    const uint64_t list = size * count <= 4 ? at + 8 : file.u32(at + 8);
    const auto value = [&] { return type == 3 ? file.u16(at + 8) : file.u32(at + 8); };
    if (tag == 256) t.width = value();
    if (tag == 257) t.height = value();
    if (tag == 258) t.bits = list;
    if (tag == 259) t.compression = value();
    if (tag == 262) t.photometric = value();
    if (tag == 273) t.strips = list, t.strip_size = size, t.strip_count = count;
    if (tag == 277) t.samples = value();
    if (tag == 278) t.rows = value();
    if (tag == 284) t.planar = value();
  }
  return t;
}

Array decode_tiff(Bytes bytes) {
  const Reader file(bytes, bytes[0] == 'M');
  const Tiff t = read_tiff(file);
  const bool grey = t.samples == 1 && t.photometric == 1;
  const bool colours = (t.samples == 3 || t.samples == 4) && t.photometric == 2;
  if (t.compression != 1 || t.planar != 1 || (!grey && !colours)) {
    unsupported("is a TIFF that is compressed, or neither RGB nor grey");
  }
  for (int64_t i = 0; i < t.samples; ++i) {
    if (file.u16(t.bits + 2 * static_cast<uint64_t>(i)) != 8) {
      unsupported("is a TIFF with other than 8 bits a sample");
    }
  }
  Array image = make_image(t.height, t.width);
  if (t.rows < 1 || t.strip_count < 1) damaged("has no strips");
  int64_t done = 0;
  for (int64_t s = 0; done < t.height; ++s) {
    if (s >= t.strip_count) damaged("has too few strips");
    const int64_t rows = std::min(t.rows, t.height - done);
    const uint64_t offset =
        file.number(t.strips + static_cast<uint64_t>(s) * t.strip_size, t.strip_size);
    const Bytes strip = file.part(offset, static_cast<uint64_t>(rows * t.width * t.samples));
    copy_row(strip.data(), rows * t.width, t.samples, image.as<uint8_t>() + done * t.width * 3);
    done += rows;
  }
  return image;
}

}  // namespace

std::optional<Array> decode_raster(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("BM")) return decode_bmp(bytes);
  if (text.starts_with("P5") || text.starts_with("P6")) return decode_pnm(bytes);
  if (text.starts_with(std::string_view("II*\0", 4)) ||
      text.starts_with(std::string_view("MM\0*", 4))) {
    return decode_tiff(bytes);
  }
  return std::nullopt;
}

}  // namespace suan::onnx
