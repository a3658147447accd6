// Images in files that hold their pixels as they are: what ImageDecoder reads beside formats/image.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>

#include "suan/base/array.h"

namespace suan::onnx {

// A BMP, a binary PNM (PGM or PPM) or a TIFF, all of 8 bits a sample and not compressed, as u8
// [height, width, 3]. Nothing: it is none of them. Throws Error(kBadFile) where one is damaged,
// kUnsupported where it is of another kind.
std::optional<Array> decode_raster(std::span<const uint8_t> bytes);

}  // namespace suan::onnx
