// What must hold for every graph, checked after every pass.
// SPDX-License-Identifier: Apache-2.0
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"
#include "suan/graph/state.h"

namespace suan {
namespace {

bool is_leaf(const Node& node) { return node.op->infer == nullptr; }

void verify_node(const Node& node) {
  for (const Tensor& t : node.inputs) {
    if (!t) continue;
    if (t.node().id >= node.id) fail("verify", "{} uses a later node", node.op->name);
    if (t.output() < 0 || t.output() >= static_cast<int>(t.node().types.size())) {
      fail("verify", "{} uses output {} of {}, which has {}", node.op->name, t.output(),
           t.node().op->name, t.node().types.size());
    }
  }
  if (is_leaf(node)) return;
  const auto types = node.op->infer(InferContext(*node.op, node.inputs, node.attrs, node.regions));
  if (types.size() != node.types.size()) {
    fail("verify", "{} has {} outputs, its rule says {}", node.op->name, node.types.size(),
         types.size());
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (!(types[i] == node.types[i])) {
      fail("verify", "output {} of {} is {}, its rule says {}", i, node.op->name,
           to_string(node.types[i]), to_string(types[i]));
    }
  }
  if (!node.layouts.empty() && node.layouts.size() != node.types.size()) {
    fail("verify", "{} has {} layouts for {} outputs", node.op->name, node.layouts.size(),
         node.types.size());
  }
  for (const auto& region : node.regions) verify(*region);
}

}  // namespace

void verify(const Graph& graph) {
  for (const Tensor& t : graph.inputs) {
    if (!t || t.node().op->name != "input") fail("verify", "an input is not an `input` node");
  }
  for (const Tensor& t : graph.roots()) {
    if (!t) fail("verify", "an output is undefined");
  }
  std::unordered_set<const State*> updated;
  for (const StateUpdate& update : graph.updates) {
    if (!updated.insert(update.state.get()).second) {
      fail("verify", "state '{}' is updated twice", update.state->name());
    }
    if (!(update.value.type() == update.state->type())) {
      fail("verify", "state '{}' is {}, its update is {}", update.state->name(),
           to_string(update.state->type()), to_string(update.value.type()));
    }
  }
  std::unordered_set<const Node*> inputs;
  for (const Tensor& t : graph.inputs) inputs.insert(&t.node());
  for (const NodePtr& node : graph.nodes()) {
    if (node->op->name == "input" && !inputs.contains(node.get())) {
      fail("verify", "input '{}' is used but not listed", node->label);
    }
    verify_node(*node);
  }
}

}  // namespace suan
