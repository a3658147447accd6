// Any bytes as a safetensors file; every byte of the tensors it gives is read.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = suan::formats::parse_safetensors(suan::Buffer::copy_of(data, size), "fuzz");
    volatile uint8_t last = 0;
    for (const auto& [name, array] : file.tensors) {
      for (size_t i = 0; i < array.bytes(); ++i) last = array.as<uint8_t>()[i];
    }
    (void)last;
  } catch (const suan::Error&) {}
  return 0;
}
