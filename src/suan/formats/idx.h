// IDX files, the format of MNIST: a big-endian header with the sizes, then the elements. Reads them
// plain or gzipped.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "suan/base/array.h"

namespace suan::formats {

// The array in an IDX file (http://yann.lecun.com/exdb/mnist): u8, i8, i32, f32 or f64. Throws
// Error(kBadFile) when the data is shorter or longer than the header says, before allocating what
// the file cannot hold.
Array read_idx(const std::string& path);
Array parse_idx(std::span<const uint8_t> bytes, std::string_view where);

// Writes it, gzipped when the name ends in ".gz". Other dtypes than the above are an error.
void write_idx(const std::string& path, const Array& array);

}  // namespace suan::formats
