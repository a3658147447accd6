// NumPy's .npy and .npz files. Pickled objects are refused: a data file carries no code.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "suan/formats/named_array.h"

namespace suan::formats {

// The array in a .npy file of version 1, 2 or 3 (numpy.lib.format), in either byte order and either
// memory order; the result is row-major. bf16 is the descr '<V2', as ml_dtypes writes it. Throws
// Error(kBadFile) for damaged files and Error(kUnsupported) for dtypes Suan does not have.
Array read_npy(const std::string& path);
Array parse_npy(std::span<const uint8_t> bytes, std::string_view where);
void write_npy(const std::string& path, const Array& array);

// The arrays of an .npz file (a zip of .npy files) in file order, names without ".npy".
NamedArrays read_npz(const std::string& path);
NamedArrays parse_npz(std::span<const uint8_t> bytes, std::string_view where);
void write_npz(const std::string& path, const NamedArrays& arrays, bool compress = false);

}  // namespace suan::formats
