// Joining tensors along an axis.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct ConcatAttrs {
  int64_t axis = 0;
  bool operator==(const ConcatAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"axis", &ConcatAttrs::axis}}; }
};

// The parts one after the other along an axis they already have; dtypes promote. Throws Error when
// there are none or another size differs.
Tensor concat(const std::vector<Tensor>& parts, int64_t axis = 0);
// The parts side by side along a new axis: n of shape [s...] give [s..., n, ...].
Tensor stack(const std::vector<Tensor>& parts, int64_t axis = 0);

}  // namespace suan
