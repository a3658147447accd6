// Any bytes as an image.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/formats/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const int channels : {1, 3}) {
    try {
      suan::formats::decode_image({data, size}, "fuzz",
                                  {.channels = channels, .max_pixels = 1 << 20});
    } catch (const suan::Error&) {}
  }
  return 0;
}
