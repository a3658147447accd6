// Any bytes as a .npy and as an .npz file.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/formats/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    suan::formats::parse_npy({data, size}, "fuzz");
  } catch (const suan::Error&) {}
  try {
    suan::formats::parse_npz({data, size}, "fuzz");
  } catch (const suan::Error&) {}
  return 0;
}
