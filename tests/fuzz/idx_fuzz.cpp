// Any bytes as an IDX file: an array or an Error, nothing else.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/formats/idx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    suan::formats::parse_idx({data, size}, "fuzz");
  } catch (const suan::Error&) {}
  return 0;
}
