// RowTail: what is done to the result of a convolution or product, as tile functions, so that any
// elementwise row may follow. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/cpu/tile.h"
#include "suan/backend/region_chain.h"
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
  int bias = -1;            // the operand that is added first, one number for each channel
  std::vector<RowStep> steps;

  bool is_product() const;  // else a convolution
  // Whether the steps are nothing, a sum, relu, or a sum and relu.
  bool is_sum_and_relu() const;
  int whole() const;  // the (last) operand as large as the result; -1: there is none
  bool ends_in_relu() const;
};

// Reads `node`: a product or a convolution, or a region that is a chain of elementwise rows after
// one. Null, or why it is neither.
const char* read_row_tail(const Node& node, RowTail& tail);
// The same of a chain that was read already.
const char* read_row_tail(const RegionChain& chain, RowTail& tail);
// Whether what is as large as the result lies as it does. Null, or that it does not.
const char* whole_layout_why_not(const Node& node, const RowTail& tail);

}  // namespace suan::cpu
