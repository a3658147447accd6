// NamedArray: what the files with several arrays in them (safetensors, .npz) are made of.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/array.h"

namespace suan::formats {

struct NamedArray {
  std::string name;
  Array array;
};
using NamedArrays = std::vector<NamedArray>;

// The array of that name, or null.
inline const Array* find(const NamedArrays& arrays, std::string_view name) {
  for (const NamedArray& entry : arrays) {
    if (entry.name == name) return &entry.array;
  }
  return nullptr;
}

}  // namespace suan::formats
