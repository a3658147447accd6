// Replaces what the target cannot run by simpler ops, until it can or no rule is left, and what it
// runs better in parts by these.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "suan/graph/op_def.h"
#include "suan/passes/pass.h"

namespace suan {

Graph decompose(const Graph& graph, const Target& target) {
  constexpr int kMaxRounds = 8;  // decompositions of decompositions
  Graph current = graph;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool changed = false;
    current = rewrite(current, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
      std::vector<Tensor> outputs;
      if (!node->op->decompose) return outputs;
      const char* reason = target.why_not(*node);
      if (!reason) return outputs;
      std::string label = node->label;
      if (label.empty()) label = fmt::format("{} ({})", node->op->name, reason);
      const Labelling labelling(label);
      outputs = node->op->decompose(with_inputs(*node, inputs));
      changed = true;
      return outputs;
    });
    if (!changed) break;
  }
  return current;
}

Graph split(const Graph& graph, const Target& target) {
  if (!target.split) return graph;
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    return target.split(*node, inputs);
  });
}

}  // namespace suan
