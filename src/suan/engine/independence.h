// Whether a model treats the slices of its inputs along an axis (the rows of a batch) one by one,
// so that slices can be added without changing the results of the others.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <vector>

#include "suan/graph/graph.h"

namespace suan {

// An axis of one of several tensors.
struct AxisOf {
  int tensor = 0;
  int axis = 0;
};

struct Independence {
  std::string fault;  // not empty: it is not proven, and why
  // For each output the axis that has the slices; -1: it is the same whatever they are. The axis
  // may be m times as long as the inputs': then slice i is the i-th run of m elements.
  std::vector<int> outputs;
};

// `a` and `b` are one model's graphs for two sizes of the axis, which stands at `inputs`. Node by
// node they must do the same but for that size, and each op must be known to keep slices apart: an
// op without a rule, or one that looks at the size, is a fault.
Independence prove_independent(const Graph& a, const Graph& b, std::span<const AxisOf> inputs);

}  // namespace suan
