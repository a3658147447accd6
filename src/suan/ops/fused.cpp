// Rules of fused: its types are its region's, its decomposition the region's nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/fused.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef fused_op;

namespace {

// The region's nodes with the fused node's inputs in place of the region's.
std::vector<Tensor> inline_region(const NodePtr& n) {
  const Graph& region = *n->regions[0];
  ValueMap map;
  for (size_t i = 0; i < region.inputs.size(); ++i) map.set(region.inputs[i], n->inputs[i]);
  for (const NodePtr& node : region.nodes()) {
    if (is(*node, Op::input)) continue;
    std::vector<Tensor> inputs;
    for (const Tensor& t : node->inputs) inputs.push_back(map(t));
    const NodePtr copy = with_inputs(*node, std::move(inputs));
    for (size_t i = 0; i < node->types.size(); ++i) {
      map.set({node, static_cast<int>(i)}, {copy, static_cast<int>(i)});
    }
  }
  std::vector<Tensor> outputs;
  for (const Tensor& t : region.outputs) outputs.push_back(map(t));
  return outputs;
}

}  // namespace

const OpDef fused_op{
    .code = Op::fused,
    .name = "fused",
    .doc = "A region of elementwise ops computed in one loop.",
    .inputs = {"inputs*"},
    .infer = [](const InferContext& c) -> std::vector<Type> {
      if (c.regions.size() != 1 || c.regions[0]->inputs.size() != static_cast<size_t>(c.count())) {
        fail(c.name(), "got {} inputs, its region takes {}", c.count(),
             c.regions.empty() ? 0 : c.regions[0]->inputs.size());
      }
      std::vector<Type> types;
      for (int i = 0; i < c.count(); ++i) {
        const Type& expected = c.regions[0]->inputs[static_cast<size_t>(i)].type();
        if (!(c.type(i) == expected)) {
          fail(c.name(), "input {} is {}, its region takes {}", i, to_string(c.type(i)),
               to_string(expected));
        }
      }
      for (const Tensor& t : c.regions[0]->outputs) types.push_back(t.type());
      return types;
    },
    .decompose = inline_region,
    .flops =
        [](const Node& n) {
          double total = 0;
          for (const NodePtr& node : n.regions[0]->nodes()) total += cost_of(*node).flops;
          return total;
        },
};

NodePtr make_fused(std::vector<Tensor> inputs, Graph region) {
  return make_node(fused_op, std::move(inputs), {},
                   {std::make_shared<const Graph>(std::move(region))});
}

std::shared_ptr<const Graph> region_of(const Node& node) {
  if (!node.regions.empty()) return node.regions[0];
  auto region = std::make_shared<Graph>();
  std::vector<Tensor> inputs;
  for (const Tensor& t : node.inputs) {
    region->inputs.push_back(make_input(t.type(), ""));
    inputs.push_back(region->inputs.back());
  }
  region->outputs = {Tensor(with_inputs(node, inputs), 0)};
  return region;
}

}  // namespace suan
