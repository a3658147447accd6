// WebP through libwebp. Animations are refused: a tensor holds one picture.
// SPDX-License-Identifier: Apache-2.0
#include <webp/decode.h>

#include <vector>

#include "suan/formats/internal/image_codec.h"

namespace suan::formats {

void decode_webp(Bytes bytes, std::string_view where, const Place& place) {
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK) {
    bad_file(where, "is a damaged WebP");
  }
  if (features.has_animation) fail(ErrorCode::kUnsupported, where, "is an animated WebP");
  ImageSize size{features.height, features.width, 3};
  uint8_t* out = place(size);
  const auto row = static_cast<size_t>(size.width) * 3;
  const size_t count = row * static_cast<size_t>(size.height);
  std::vector<uint8_t> colours(size.channels == 1 ? count : 0);
  uint8_t* rgb = size.channels == 1 ? colours.data() : out;
  if (!WebPDecodeRGBInto(bytes.data(), bytes.size(), rgb, count, static_cast<int>(row))) {
    bad_file(where, "is a damaged WebP");
  }
  if (size.channels == 1) to_grey(rgb, size.height * size.width, out);
}

}  // namespace suan::formats
