// What image.cpp asks of the codecs: the size first, then the pixels into memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

#include "suan/formats/image.h"
#include "suan/formats/internal/bytes.h"

namespace suan::formats {

// Given the file's size (channels: 1 or 3, what the file has), checks it, sets the channels wanted
// and says where the pixels go.
using Place = std::function<uint8_t*(ImageSize& size)>;

void decode_jpeg(Bytes bytes, std::string_view where, const Place& place);
void decode_png(Bytes bytes, std::string_view where, const Place& place);
void decode_webp(Bytes bytes, std::string_view where, const Place& place);
void decode_jpeg2000(Bytes bytes, std::string_view where, const Place& place);
std::string encode_png_pixels(const uint8_t* pixels, const ImageSize& size);

// Height, width and channels of a u8 array [h, w] or [h, w, c]; throws Error naming `op`.
ImageSize image_size(const Array& pixels, int64_t max_channels, std::string_view op);

}  // namespace suan::formats
