// Walking a region from its anchor on.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/region_chain.h"

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

constexpr const char* kNoChain = "the region is no chain";

const char* begin(const Graph& region, const Node& node, Op anchor, RegionChain& chain) {
  if (!is(node, anchor)) return "the region does not begin with such an op";
  chain.anchor = &node;
  for (const Tensor& t : node.inputs) {
    const bool dequantized = chain.dequantized && t && &t.node() == chain.dequantized;
    if (dequantized && chain.inputs.size() != 1) return kNoChain;
    chain.inputs.push_back(operand_of(region, dequantized ? t.node().inputs[0] : t));
    if (t && chain.inputs.back() < 0) return kNoChain;
  }
  return nullptr;
}

const char* add(const Graph& region, const Node& node, const Node* before, RegionChain& chain) {
  if (!(node.types[0] == chain.anchor->types[0])) return "a type changes in the region";
  if (node.inputs.size() > 2) return "an operation has more than two operands";
  RegionChain::Link link{.node = &node};
  link.swapped = node.inputs.size() == 2 && &node.inputs[1].node() == before;
  if (&node.inputs[link.swapped ? 1 : 0].node() != before) return kNoChain;
  if (node.inputs.size() == 2) {
    link.other = &node.inputs[link.swapped ? 0 : 1];
    const Node& other = link.other->node();
    if (&other == before) return kNoChain;
    if (is(other, Op::full) && link.other->rank() == 0) {
      link.number = static_cast<float>(other.attr<FullAttrs>().value);
    } else {
      link.operand = operand_of(region, *link.other);
      if (link.operand < 0) return kNoChain;
      if (link.operand == chain.inputs[1]) return "what is added is the weights, which are packed";
    }
  }
  chain.links.push_back(link);
  return nullptr;
}

const char* read(const Graph& region, Op anchor, RegionChain& chain, ChainResults most,
                 bool dequantized) {
  const Node *value = nullptr, *before = nullptr;
  for (const NodePtr& node : region.nodes()) {
    if (node->inputs.empty()) continue;  // inputs and numbers
    if (dequantized && !chain.dequantized) {
      if (!is(*node, Op::dequantize)) return kNoChain;
      chain.dequantized = node.get();
      continue;
    }
    const char* reason =
        value ? add(region, *node, value, chain) : begin(region, *node, anchor, chain);
    if (reason) return reason;
    before = value;
    value = node.get();
  }
  const auto& results = region.outputs;
  chain.two_results =
      most == ChainResults::last_two && results.size() == 2 && &results[0].node() == before;
  const bool last = (results.size() == 1 || chain.two_results) && &results.back().node() == value;
  return last ? nullptr : "the region has results on the way";
}

}  // namespace

int operand_of(const Graph& region, const Tensor& t) {
  for (size_t i = 0; t && i < region.inputs.size(); ++i) {
    if (&region.inputs[i].node() == &t.node()) return static_cast<int>(i);
  }
  return -1;
}

const char* read_chain(const Graph& region, Op anchor, RegionChain& chain, ChainResults most) {
  return read(region, anchor, chain, most, false);
}
const char* read_dequantized_chain(const Graph& region, Op anchor, RegionChain& chain) {
  const char* reason = read(region, anchor, chain, ChainResults::last, true);
  if (reason) return reason;
  const bool second = &chain.anchor->inputs[1].node() == chain.dequantized;
  return second ? nullptr : "the anchor's second operand is not dequantized";
}

const char* read_chain(const Node& node, Op anchor, RegionChain& chain, ChainResults most) {
  if (!is(node, anchor)) {
    if (node.regions.empty()) return "it is another op";
    return read_chain(*node.regions[0], anchor, chain, most);
  }
  chain.anchor = &node;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    chain.inputs.push_back(node.inputs[i] ? static_cast<int>(i) : -1);
  }
  return nullptr;
}

}  // namespace suan
