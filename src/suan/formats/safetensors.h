// safetensors files: named arrays behind one JSON header. Reading copies nothing: the arrays point
// into the mapped file and keep it mapped.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "suan/formats/named_array.h"

namespace suan::formats {

struct Safetensors {
  NamedArrays tensors;  // in the order of the file's data
  std::map<std::string, std::string> metadata;
};

// Reads a file of https://huggingface.co/docs/safetensors (all dtypes that Suan has). Throws
// Error(kBadFile) for ranges that overlap, leave holes, lie outside the file, are not aligned to
// their dtype or do not fit the shape, names twice, and headers over 100 MB; Error(kUnsupported)
// for other dtypes. An old file whose header is not a multiple of 8 bytes is read by copying.
Safetensors read_safetensors(const std::string& path);
// The same from memory, which must be 8-byte aligned; `owner` is kept alive by the arrays.
Safetensors parse_safetensors(const BufferPtr& owner, std::string_view where);

// Writes it whole or not at all. The tensors are ordered by element size, largest first, otherwise
// as given, which keeps every one aligned.
void write_safetensors(const std::string& path, const Safetensors& file);

}  // namespace suan::formats
