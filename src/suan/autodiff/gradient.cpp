// The reverse walk and its ends.
// SPDX-License-Identifier: Apache-2.0
#include "suan/autodiff/gradient.h"

#include "suan/autodiff/internal/reverse_walk.h"
#include "suan/base/error.h"
#include "suan/graph/pending.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"

namespace suan {
namespace {

std::vector<Tensor> gradient_by_decomposition(const GradContext& c);

}  // namespace

ReverseWalk::ReverseWalk(std::vector<Tensor> roots, std::span<const Tensor> wrt) {
  Graph graph;
  graph.outputs = std::move(roots);
  nodes_ = graph.nodes();
  for (const Tensor& x : wrt) active_.insert(&x.node());
  for (const NodePtr& node : nodes_) {
    for (const Tensor& t : node->inputs) {
      if (t && active_.contains(&t.node())) active_.insert(node.get());
    }
  }
}

void ReverseWalk::accumulate(const Tensor& at, const Tensor& g) {
  auto& slots = grads_[&at.node()];
  slots.resize(at.node().types.size());
  Tensor& slot = slots[static_cast<size_t>(at.output())];
  slot = slot ? slot + g : g;
}

void ReverseWalk::run() {
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) step(*it);
}

Tensor ReverseWalk::result(const Tensor& x) const {
  const auto it = grads_.find(&x.node());
  return it == grads_.end() ? Tensor() : it->second[static_cast<size_t>(x.output())];
}

void ReverseWalk::step(const NodePtr& node) {
  const auto found = grads_.find(node.get());
  if (found == grads_.end() || node->inputs.empty()) return;
  std::vector<bool> needs;
  bool any = false;
  for (const Tensor& t : node->inputs) {
    needs.push_back(t && is_float(t.dtype()) && active_.contains(&t.node()));
    any = any || needs.back();
  }
  if (!any) return;
  const OpDef& op = *node->op;
  if (!op.gradient && !op.decompose) {
    fail(op.name, "has no gradient rule, and the loss depends on a parameter through it");
  }
  const std::vector<Tensor> grads = found->second;  // the map may grow below
  const GradContext context{node, grads, needs};
  const auto rule = op.recompute ? gradient_by_recomputation
                                 : (op.gradient ? op.gradient : gradient_by_decomposition);
  const auto inputs = rule(context);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] && needs[i]) accumulate(node->inputs[i], inputs[i]);
  }
}

Tensor StandIns::operator()(const Tensor& value) {
  if (!value) return {};
  values_.push_back(value);
  graph_.inputs.push_back(make_input(value.type(), ""));
  return graph_.inputs.back();
}

std::vector<Tensor> StandIns::put_back(std::vector<Tensor> results) {
  std::vector<size_t> defined;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i]) continue;
    defined.push_back(i);
    graph_.outputs.push_back(results[i]);
  }
  const Graph graph = on_inputs(graph_, values_);
  for (size_t k = 0; k < defined.size(); ++k) results[defined[k]] = graph.outputs[k];
  return results;
}

namespace {

// The gradient rule of an op that declares none: that of the simpler ops it is made of.
std::vector<Tensor> gradient_by_decomposition(const GradContext& c) {
  StandIns stand_in;
  std::vector<Tensor> inputs, wanted, results;
  for (size_t i = 0; i < c.node->inputs.size(); ++i) {
    inputs.push_back(stand_in(c.node->inputs[i]));
    if (c.needs[i]) wanted.push_back(inputs.back());
  }
  const auto outputs = c.node->op->decompose(with_inputs(*c.node, inputs));
  ReverseWalk walk(outputs, wanted);
  for (size_t i = 0; i < c.grads.size(); ++i) {
    if (c.grads[i]) walk.accumulate(outputs[i], stand_in(c.grads[i]));
  }
  walk.run();
  for (size_t i = 0; i < inputs.size(); ++i) {
    results.push_back(c.needs[i] ? walk.result(inputs[i]) : Tensor());
  }
  return stand_in.put_back(std::move(results));
}

}  // namespace

std::vector<Tensor> gradients(const Tensor& loss, std::span<const Tensor> wrt, const Tensor& seed) {
  if (!seed && loss.shape().numel() != 1) {
    fail("grad", "the loss has shape {}, expected one number", to_string(loss.shape()));
  }
  if (seed && !(seed.type() == loss.type())) {
    fail("grad", "the seed is {}, expected {}", to_string(seed.type()), to_string(loss.type()));
  }
  const PauseTracking pause;
  ReverseWalk walk({loss}, wrt);
  walk.accumulate(loss, seed ? seed : ones(loss.shape(), loss.dtype()));
  walk.run();
  std::vector<Tensor> out;
  for (const Tensor& x : wrt) {
    const Tensor g = walk.result(x);
    out.push_back(g ? g : zeros(x.shape(), x.dtype()));
  }
  return out;
}

}  // namespace suan
