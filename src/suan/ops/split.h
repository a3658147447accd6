// Consecutive parts of a tensor along one axis, as one node with several outputs: its gradient is
// one concat, where one slice per part would each make a tensor of the whole's size.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct SplitAttrs {
  std::vector<int64_t> sizes;  // along the axis; they add up to its size
  int64_t axis = 0;
  bool operator==(const SplitAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"sizes", &SplitAttrs::sizes}, Field{"axis", &SplitAttrs::axis}};
  }
};

// Consecutive parts of the given sizes along one axis. Throws Error unless they add up.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t axis = 0);

}  // namespace suan
