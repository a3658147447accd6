// The reverse walk. Node ids order the graph, so the walk is one loop from the largest id down.
// SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/gradient.h"

#include <unordered_map>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"
#include "suan/graph/pending.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"

namespace suan {
namespace {

class ReverseWalk {
 public:
  ReverseWalk(const Tensor& loss, std::span<const Tensor> wrt) {
    Graph graph;
    graph.outputs = {loss};
    nodes_ = graph.nodes();
    for (const Tensor& x : wrt) active_.insert(&x.node());
    for (const NodePtr& node : nodes_) {
      for (const Tensor& t : node->inputs) {
        if (t && active_.contains(&t.node())) active_.insert(node.get());
      }
    }
  }

  void accumulate(const Tensor& at, const Tensor& g) {
    auto& slots = grads_[&at.node()];
    slots.resize(at.node().types.size());
    Tensor& slot = slots[static_cast<size_t>(at.output())];
    slot = slot ? slot + g : g;
  }

  void run() {
    for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) step(*it);
  }

  Tensor result(const Tensor& x) const {
    const auto it = grads_.find(&x.node());
    if (it == grads_.end() || !it->second[static_cast<size_t>(x.output())]) {
      return zeros(x.shape(), x.dtype());
    }
    return it->second[static_cast<size_t>(x.output())];
  }

 private:
  void step(const NodePtr& node) {
    const auto found = grads_.find(node.get());
    if (found == grads_.end() || node->inputs.empty()) return;
    std::vector<bool> needs;
    bool any = false;
    for (const Tensor& t : node->inputs) {
      needs.push_back(t && is_float(t.dtype()) && active_.contains(&t.node()));
      any = any || needs.back();
    }
    if (!any) return;
    if (!node->op->gradient) {
      fail(node->op->name, "has no gradient rule, and the loss depends on a parameter through it");
    }
    const std::vector<Tensor> grads = found->second;  // the map may grow below
    const auto inputs = node->op->gradient(GradContext{node, grads, needs});
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] && needs[i]) accumulate(node->inputs[i], inputs[i]);
    }
  }

  std::vector<NodePtr> nodes_;
  std::unordered_set<const Node*> active_;  // nodes that depend on some x
  std::unordered_map<const Node*, std::vector<Tensor>> grads_;
};

}  // namespace

std::vector<Tensor> gradients(const Tensor& loss, std::span<const Tensor> wrt, const Tensor& seed) {
  if (!seed && loss.shape().numel() != 1) {
    fail("grad", "the loss has shape {}, expected one number", to_string(loss.shape()));
  }
  if (seed && !(seed.type() == loss.type())) {
    fail("grad", "the seed is {}, expected {}", to_string(seed.type()), to_string(loss.type()));
  }
  const PauseTracking pause;
  ReverseWalk walk(loss, wrt);
  walk.accumulate(loss, seed ? seed : ones(loss.shape(), loss.dtype()));
  walk.run();
  std::vector<Tensor> out;
  for (const Tensor& x : wrt) out.push_back(walk.result(x));
  return out;
}

}  // namespace suan
