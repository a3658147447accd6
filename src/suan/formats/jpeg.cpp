// JPEG through libjpeg-turbo's TurboJPEG interface, one decoder per thread.
// SPDX-License-Identifier: Apache-2.0
#include <turbojpeg.h>

#include <memory>

#include "suan/formats/internal/image_codec.h"

namespace suan::formats {
namespace {

struct Destroy {
  void operator()(void* handle) const { tjDestroy(handle); }
};
using Handle = std::unique_ptr<void, Destroy>;

thread_local Handle decoder;

// A decoder that met damaged data fails on good files after it, so it is thrown away.
[[noreturn]] void damaged(std::string_view where) {
  const std::string why = tjGetErrorStr2(decoder.get());
  decoder.reset();
  bad_file(where, "is a damaged JPEG ({})", why);
}

}  // namespace

void decode_jpeg(Bytes bytes, std::string_view where, const Place& place) {
  if (!decoder) decoder.reset(tjInitDecompress());
  tjhandle handle = decoder.get();
  if (!handle) fail(ErrorCode::kSystem, where, "TurboJPEG could not start");
  const auto length = static_cast<unsigned long>(bytes.size());
  int width = 0, height = 0, sampling = 0, colours = 0;
  if (tjDecompressHeader3(handle, bytes.data(), length, &width, &height, &sampling, &colours) !=
      0) {
    damaged(where);
  }
  if (colours == TJCS_CMYK || colours == TJCS_YCCK) {
    fail(ErrorCode::kUnsupported, where, "is a CMYK image, expected RGB or grey");
  }
  ImageSize size{height, width, colours == TJCS_GRAY ? 1 : 3};
  uint8_t* out = place(size);
  if (tjDecompress2(handle, bytes.data(), length, out, width, 0, height,
                    size.channels == 1 ? TJPF_GRAY : TJPF_RGB, TJFLAG_LIMITSCANS) != 0) {
    damaged(where);
  }
}

std::string encode_jpeg(const Array& pixels, int quality) {
  const ImageSize size = image_size(pixels, 3, "encode_jpeg");
  if (quality < 1 || quality > 100) fail("encode_jpeg", "quality {} is not in 1 to 100", quality);
  const Handle handle(tjInitCompress());
  unsigned char* out = nullptr;
  unsigned long length = 0;
  const bool grey = size.channels == 1;
  const int status = tjCompress2(handle.get(), pixels.as<uint8_t>(), static_cast<int>(size.width),
                                 0, static_cast<int>(size.height), grey ? TJPF_GRAY : TJPF_RGB,
                                 &out, &length, grey ? TJSAMP_GRAY : TJSAMP_420, quality, 0);
  const std::unique_ptr<unsigned char, decltype(&tjFree)> owner(out, tjFree);
  if (status != 0) fail(ErrorCode::kSystem, "encode_jpeg", "{}", tjGetErrorStr2(handle.get()));
  return {reinterpret_cast<const char*>(out), length};
}

}  // namespace suan::formats
