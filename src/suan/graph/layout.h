// Layout: how a value lies in memory. Storage only; types and graphs stay logical (N, C, spatial).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string_view>

#include "suan/base/shape.h"

namespace suan {

enum class Layout : uint8_t {
  plain,          // row-major in logical order
  channels_last,  // (N, spatial..., C)
  blocked16,      // (N, C/16, spatial..., 16); C is a multiple of 16
};

constexpr std::string_view name(Layout layout) {
  constexpr std::string_view kNames[] = {"plain", "channels_last", "blocked16"};
  return kNames[static_cast<int>(layout)];
}

// The row-major shape of the memory of a value with this logical shape.
Shape physical_shape(const Shape& logical, Layout layout);
// How a per-channel operand that broadcasts against rank-`rank` values lies in that physical shape:
// sizes 1 stay 1, the channel dimension moves (and splits). `logical` has been padded to full rank.
bool layout_fits(const Shape& logical, Layout layout);

}  // namespace suan
