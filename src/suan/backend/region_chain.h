// RegionChain: a region that begins with one op, its anchor, and goes on as a chain of operations
// of one or two operands, each on the value before it. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"

namespace suan {

struct RegionChain {
  // One operation after the anchor. Of two operands the other one is a number or an input.
  struct Link {
    const Node* node;
    bool swapped = false;              // the value before it comes second
    const Tensor* other = nullptr;     // null: there is one operand
    std::optional<float> number = {};  // that the other one is
    int operand = -1;                  // of the node that has the region, where it is none
  };
  const Node* anchor = nullptr;
  // Where the anchor's second operand is dequantized within the region: that node, and the operand
  // that it reads is the anchor's.
  const Node* dequantized = nullptr;
  std::vector<int> inputs;  // the node's operand for each of the anchor's; -1: absent
  std::vector<Link> links;
  bool two_results = false;  // the value before the last one is a result too, the first
};

enum class ChainResults : uint8_t { last, last_two };  // that a region may have

// Null, or the reason why the region is no such chain.
const char* read_chain(const Graph& region, Op anchor, RegionChain& chain,
                       ChainResults most = ChainResults::last);
// The same of a node's region, or of a node that is an `anchor` itself.
const char* read_chain(const Node& node, Op anchor, RegionChain& chain,
                       ChainResults most = ChainResults::last);
// The same of a region that first dequantizes what its anchor takes as the second operand.
const char* read_dequantized_chain(const Graph& region, Op anchor, RegionChain& chain);
// The node's operand for a value of its region; -1: it is none.
int operand_of(const Graph& region, const Tensor& t);

}  // namespace suan
