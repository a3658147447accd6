// JPEG 2000, as JP2 files and bare codestreams, through OpenJPEG.
// SPDX-License-Identifier: Apache-2.0
#include <openjpeg.h>

#include <algorithm>
#include <memory>

#include "suan/formats/internal/image_codec.h"

namespace suan::formats {
namespace {

// The file as OpenJPEG's callbacks see it.
struct Source {
  Bytes bytes;
  size_t position = 0;
};

OPJ_SIZE_T read_source(void* to, OPJ_SIZE_T count, void* data) {
  auto& source = *static_cast<Source*>(data);
  count = std::min(count, source.bytes.size() - source.position);
  if (count == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::copy_n(source.bytes.data() + source.position, count, static_cast<uint8_t*>(to));
  source.position += count;
  return count;
}
OPJ_BOOL seek_source(OPJ_OFF_T position, void* data) {
  auto& source = *static_cast<Source*>(data);
  if (position < 0 || static_cast<uint64_t>(position) > source.bytes.size()) return OPJ_FALSE;
  source.position = static_cast<size_t>(position);
  return OPJ_TRUE;
}
OPJ_OFF_T skip_source(OPJ_OFF_T count, void* data) {
  const auto& source = *static_cast<Source*>(data);
  const auto left = static_cast<OPJ_OFF_T>(source.bytes.size() - source.position);
  if (left == 0 && count > 0) return -1;
  const OPJ_OFF_T taken = std::min(count, left);
  return seek_source(static_cast<OPJ_OFF_T>(source.position) + taken, data) ? taken : -1;
}

void keep_message(const char* text, void* data) {
  auto& message = *static_cast<std::string*>(data);
  if (!message.empty()) return;  // the first one is the cause
  message = text;
  while (!message.empty() && message.back() == '\n') message.pop_back();
}

template <auto kDestroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Stream = std::unique_ptr<opj_stream_t, Destroy<opj_stream_destroy>>;
using Codec = std::unique_ptr<opj_codec_t, Destroy<opj_destroy_codec>>;
using Image = std::unique_ptr<opj_image_t, Destroy<opj_image_destroy>>;

Stream open_stream(Source& source) {
  Stream stream(opj_stream_default_create(OPJ_TRUE));
  if (!stream) return stream;
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.bytes.size());
  opj_stream_set_read_function(stream.get(), read_source);
  opj_stream_set_seek_function(stream.get(), seek_source);
  opj_stream_set_skip_function(stream.get(), skip_source);
  return stream;
}

// Whole samples of 8 bits at every pixel, as grey or RGB, with or without a fourth that is left
// out.
bool is_plain(const opj_image_t& image, const ImageSize& size) {
  const bool colours = image.numcomps == 3 || image.numcomps == 4;
  if (!colours && image.numcomps != 1) return false;
  const OPJ_COLOR_SPACE space = image.color_space;
  if (space == OPJ_CLRSPC_SYCC || space == OPJ_CLRSPC_EYCC || space == OPJ_CLRSPC_CMYK)
    return false;
  return std::all_of(image.comps, image.comps + image.numcomps, [&](const opj_image_comp_t& c) {
    return c.data != nullptr && c.prec == 8 && !c.sgnd && c.dx == 1 && c.dy == 1 &&
           c.w == size.width && c.h == size.height;
  });
}

void copy_pixels(const opj_image_t& image, const ImageSize& size, uint8_t* out) {
  const int64_t pixels = size.height * size.width;
  const bool grey = image.numcomps == 1;
  const auto sample = [&](int64_t channel, int64_t i) {
    return static_cast<uint8_t>(std::clamp(image.comps[grey ? 0 : channel].data[i], 0, 255));
  };
  for (int64_t i = 0; i < pixels; ++i) {
    const uint8_t rgb[] = {sample(0, i), sample(1, i), sample(2, i)};
    if (size.channels == 3) {
      std::copy_n(rgb, 3, out + 3 * i);
    } else if (grey) {
      out[i] = rgb[0];
    } else {
      to_grey(rgb, 1, out + i);
    }
  }
}

}  // namespace

void decode_jpeg2000(Bytes bytes, std::string_view where, const Place& place) {
  Source source{bytes};
  const Stream stream = open_stream(source);
  const Codec codec(opj_create_decompress(bytes[0] == 0 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  if (!stream || !codec) fail(ErrorCode::kSystem, where, "OpenJPEG could not start");
  std::string message;
  opj_set_error_handler(codec.get(), keep_message, &message);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* read = nullptr;
  const bool known = opj_setup_decoder(codec.get(), &parameters) &&
                     opj_read_header(stream.get(), codec.get(), &read);
  const Image image(read);
  if (!known || !image) bad_file(where, "is a damaged JPEG 2000 ({})", message);
  ImageSize size{int64_t{image->y1} - image->y0, int64_t{image->x1} - image->x0,
                 image->numcomps == 1 ? 1 : 3};
  if (image->numcomps > 4) {
    fail(ErrorCode::kUnsupported, where, "has {} components, expected grey or RGB",
         image->numcomps);
  }
  uint8_t* out = place(size);
  if (!opj_decode(codec.get(), stream.get(), image.get()) ||
      !opj_end_decompress(codec.get(), stream.get())) {
    bad_file(where, "is a damaged JPEG 2000 ({})", message);
  }
  if (!is_plain(*image, size)) {
    fail(ErrorCode::kUnsupported, where, "is a JPEG 2000 that is not grey or RGB of 8 bits");
  }
  copy_pixels(*image, size, out);
}

}  // namespace suan::formats
