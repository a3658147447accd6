// Finding and naming layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/layers.h"

#include <algorithm>
#include <set>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/graph/op_def.h"
#include "suan/graph/state.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

bool multiplies(const Node& node) {
  return is(node, Op::conv) || is(node, Op::conv_transpose) || is(node, Op::matmul) ||
         is(node, Op::attention);
}

std::string why_not(const Node& node) {
  if (is(node, Op::attention)) return "both operands vary";
  if (is(node, Op::conv_transpose)) return "no integer kernel transposes convolutions";
  const Tensor &x = node.inputs[0], &w = node.inputs[1];
  if (x.dtype() != DType::f32 || w.dtype() != DType::f32) {
    return fmt::format("its operands are {} and {}, expected f32", name(x.dtype()),
                       name(w.dtype()));
  }
  if (!is(w.node(), Op::constant)) {
    return is(x.node(), Op::constant) ? "its weights are the left operand" : "both operands vary";
  }
  if (is(node, Op::matmul) && w.rank() != 2) {
    return fmt::format("its weights have {} axes, expected 2", w.rank());
  }
  if (is(node, Op::matmul) && (x.rank() < 2 || node.attr<MatmulAttrs>().transpose_a)) {
    return "its input has no rows";
  }
  return {};
}

}  // namespace

bool GraphLayer::linear() const { return is(*node, Op::matmul); }

std::vector<GraphLayer> find_layers(const Graph& graph, const std::vector<std::string>& skip) {
  std::vector<GraphLayer> layers;
  std::set<std::string> names;
  for (const NodePtr& node : graph.nodes()) {
    if (!multiplies(*node)) continue;
    const std::string base = node->label.empty() ? std::string(node->op->name) : node->label;
    std::string unique = base;
    for (int i = 2; !names.insert(unique).second; ++i) unique = fmt::format("{}_{}", base, i);
    layers.push_back({node, unique, cost_of(*node).flops / 2, why_not(*node)});
  }
  for (const std::string& name : skip) {
    const auto found = std::ranges::find(layers, name, &GraphLayer::name);
    if (found == layers.end()) {
      const std::vector<std::string> known(names.begin(), names.end());
      fail("skip", "{}", unknown_name("layer", name, known));
    }
    if (found->reason.empty()) found->reason = "left out on request";
  }
  return layers;
}

std::string weights_name(const Node& layer) {
  Tensor t = layer.inputs[1];
  while (!t.node().inputs.empty() && t.node().inputs[0]) t = t.node().inputs[0];
  if (!is(t.node(), Op::state)) return {};
  const std::string& name = t.node().state->name();
  return name.substr(0, name.rfind(".weight"));
}

Graph with_layer_names(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> same;
    const bool layer = multiplies(*node) && !is(*node, Op::attention);
    if (!layer || !node->label.empty()) return same;
    const std::string name = weights_name(*node);
    if (name.empty()) return same;
    const Labelling label(name);
    return std::vector<Tensor>{Tensor(make_node(*node->op, inputs, node->attrs), 0)};
  });
}

std::map<std::string, NodePtr> layers_by_name(const Graph& graph) {
  std::map<std::string, NodePtr> found;
  for (const GraphLayer& layer : find_layers(graph)) found[layer.name] = layer.node;
  return found;
}

}  // namespace suan::compress
