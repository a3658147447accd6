// The ops that only move elements as strided copies, one for each input.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/graph/op_def.h"

namespace suan {

// One dim of a copy; strides are in elements, of the source and of the destination.
struct MoveDim {
  int64_t size, from, to;
};
// Ordered by stride in the destination, largest first; those that continue each other are one.
void collapse(std::vector<MoveDim>& dims);

struct StridedCopy {
  std::vector<MoveDim> dims;
  int64_t from = 0, to = 0;  // where the first element lies
  bool empty() const;
};
using StridedCopies = std::vector<StridedCopy>;

StridedCopies transpose_copies(const Node& node);
StridedCopies broadcast_copies(const Node& node);
StridedCopies slice_copies(const Node& node);
StridedCopies place_copies(const Node& node);  // what they do not reach is zero
StridedCopies concat_copies(const Node& node);
// From one layout to another, neither of them blocked.
StridedCopies reorder_copies(const Node& node);

}  // namespace suan
