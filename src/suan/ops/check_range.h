// A check of values that come from data, as a node: decompositions keep their op's checks by it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct CheckRangeAttrs {
  int64_t low = 0;
  int64_t high = 0;                   // inclusive
  std::string where = "check_range";  // the op that the error names
  std::string what = "value";         // and what is out of range
  bool operator==(const CheckRangeAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"low", &CheckRangeAttrs::low}, Field{"high", &CheckRangeAttrs::high},
                      Field{"where", &CheckRangeAttrs::where},
                      Field{"what", &CheckRangeAttrs::what}};
  }
};

// x itself. An element outside [low, high] makes the run throw Error(kOutOfRange): "where: what 9
// at position 1 is outside [0, 4]". x is of an integer dtype.
Tensor check_range(const Tensor& x, CheckRangeAttrs attrs);

}  // namespace suan
