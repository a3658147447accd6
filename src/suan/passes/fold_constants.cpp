// Folding: nodes whose inputs are all constants become constants themselves.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/ops/op.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

bool foldable(const Node& node, const std::vector<Tensor>& inputs) {
  if (!node.op->infer || node.op->random || node.op->forwards || inputs.empty()) return false;
  if (is(node, Op::check_range)) return false;  // its error belongs to the run
  size_t read = 0, written = 0;
  bool any = false;  // `full` alone is better kept as one number
  for (const Tensor& t : inputs) {
    if (!t) continue;
    if (!is(t.node(), Op::constant) && !is(t.node(), Op::full)) return false;
    any = any || is(t.node(), Op::constant);
    read += t.type().bytes();
  }
  for (const Type& type : node.types) written += type.bytes();
  constexpr size_t kSmall = size_t{1} << 20;
  return any && written <= std::max(kSmall, 2 * read);  // repeating is cheaper than reading
}

}  // namespace

Graph fold_constants(const Graph& graph, const Target& target) {
  if (!target.evaluate) return graph;
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (!foldable(*node, inputs)) return outputs;
    const NodePtr copy = with_inputs(*node, inputs);
    for (size_t i = 0; i < node->types.size(); ++i) {
      const Tensor value(copy, static_cast<int>(i));
      outputs.push_back(make_constant(value.type(), target.evaluate(value)));
    }
    return outputs;
  });
}

}  // namespace suan
