// RowTail: what is done to the result of a convolution or product, as tile functions, so that any
// elementwise row may follow. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/cpu/tile.h"
#include "suan/graph/graph.h"

namespace suan::cpu {

struct RowStep {
  enum class Kind : uint8_t { none, number, channels, whole } kind = Kind::none;
  TileFunction run = nullptr;
  bool swapped = false;  // the operand comes first
  int operand = -1;      // of the node
  float number = 0;
};
struct RowTail {
  const Node* anchor = nullptr;
  std::vector<int> inputs;  // the node's operand for each of the anchor's; -1: absent
  std::vector<RowStep> steps;
};

// Reads `node`: an `anchor` op, or a region that is a chain of elementwise rows after one. A bias
// of the anchor becomes the first step. Null, or why it is neither.
const char* read_row_tail(const Node& node, Op anchor, RowTail& tail);

}  // namespace suan::cpu
