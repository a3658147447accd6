// The target is asked by a region, as for tails.
// SPDX-License-Identifier: Apache-2.0
#include "suan/passes/internal/quantized_product.h"

#include "suan/passes/internal/region_builder.h"

namespace suan {

std::vector<NodePtr> quantized_operands(const Node& product) {
  std::vector<NodePtr> nodes;
  if (!is(product.inputs[1].node(), Op::dequantize)) return nodes;
  for (size_t i = 0; i < 2; ++i) {
    const Tensor& t = product.inputs[i];
    const bool known = !nodes.empty() && nodes[0] == t.node_ptr();
    if (is(t.node(), Op::dequantize) && !known) nodes.push_back(t.node_ptr());
  }
  return nodes;
}

bool takes_quantized(const NodePtr& product, const Target& target) {
  std::vector<NodePtr> nodes = quantized_operands(*product);
  if (nodes.empty() || !target.fuses_tail || !target.begins_tail(*product)) return false;
  nodes.push_back(product);
  const ValueMap none;
  return target.fuses_tail(*product, RegionBuilder(nodes, none).region({{product, 0}}));
}

}  // namespace suan
