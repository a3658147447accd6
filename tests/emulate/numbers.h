// Numbers of any dtype as f64. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <type_traits>

#include "suan/base/dtype.h"
#include "suan/base/small_types.h"

namespace emulate {

inline double get(suan::DType dtype, const void* data, int64_t i) {
  if (suan::is_small_float(dtype)) {
    return suan::decode_small(dtype, static_cast<const uint8_t*>(data)[i]);
  }
  return suan::visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<double>(static_cast<const T*>(data)[i]);
  });
}
inline void put(suan::DType dtype, void* data, int64_t i, double value) {
  suan::visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) {
      static_cast<T*>(data)[i] = value;
    } else {
      static_cast<T*>(data)[i] = static_cast<T>(static_cast<float>(value));
    }
  });
}

}  // namespace emulate
