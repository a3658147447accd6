// Images to and from u8 arrays [height, width, channels]: JPEG and PNG, and from WebP and JPEG
// 2000. Sizes are checked before anything is allocated, so a small file cannot ask for gigabytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "suan/base/array.h"

namespace suan::formats {

struct ImageOptions {
  int channels = 0;  // 1 (grey), 3 (RGB), or 0: 1 for a grey file, else 3; alpha is dropped
  int64_t max_side = 16384;
  int64_t max_pixels = int64_t{1} << 26;
};

struct ImageSize {
  int64_t height = 0, width = 0, channels = 0;
};

// Throws Error(kBadFile) for files that are damaged, truncated, larger than the options allow, or
// none of these kinds. PNG values are taken as stored (no gamma); 16 bits become 8.
Array read_image(const std::string& path, const ImageOptions& options = {});
Array decode_image(std::span<const uint8_t> bytes, std::string_view where,
                   const ImageOptions& options = {});
// Decodes into memory the caller has when the image has exactly this size, else throws.
void decode_image_into(std::span<const uint8_t> bytes, std::string_view where,
                       const ImageSize& expected, uint8_t* out);

// Grey values of RGB pixels as ITU-R BT.601 weighs the colours, rounded as Pillow does.
void to_grey(const uint8_t* rgb, int64_t pixels, uint8_t* out);

// A u8 array [h, w] or [h, w, 1, 3 or 4] as a PNG.
std::string encode_png(const Array& pixels);
void write_png(const std::string& path, const Array& pixels);
// An RGB or grey array as a baseline JPEG.
std::string encode_jpeg(const Array& pixels, int quality = 95);

}  // namespace suan::formats
