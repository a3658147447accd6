// What readers of array files share beyond base/byte_reader.h: sizes and bools checked before use.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "suan/base/array.h"
#include "suan/base/byte_reader.h"

namespace suan::formats {

// The shape with these sizes and the bytes its data takes; nothing when a size or the product (with
// zeros taken as ones, so that no later product overflows) is beyond 2^48.
inline std::optional<size_t> checked_bytes(std::span<const uint64_t> sizes, size_t element_size) {
  constexpr uint64_t kMax = uint64_t{1} << 48;
  uint64_t product = 1;
  bool empty = false;
  for (uint64_t size : sizes) {
    empty |= size == 0;
    const uint64_t factor = std::max<uint64_t>(size, 1);
    if (factor > kMax || product > kMax / factor) return std::nullopt;
    product *= factor;
  }
  return empty ? 0 : product * element_size;
}
inline Shape to_shape(std::span<const uint64_t> sizes) {
  Shape shape;
  for (uint64_t size : sizes) shape.push_back(static_cast<int64_t>(size));
  return shape;
}

// Reverses the bytes of every element in place.
inline void swap_bytes(uint8_t* data, size_t bytes, size_t element_size) {
  for (size_t i = 0; i + element_size <= bytes; i += element_size) {
    std::reverse(data + i, data + i + element_size);
  }
}

// A bool other than 0 and 1 is undefined behaviour to read, so files must not hold one.
inline void check_bools(Bytes data, std::string_view where, std::string_view name) {
  const auto bad = std::find_if(data.begin(), data.end(), [](uint8_t b) { return b > 1; });
  if (bad != data.end()) {
    bad_file(where, "{} holds the bool {} at {}, expected 0 or 1", name, *bad, bad - data.begin());
  }
}

}  // namespace suan::formats
