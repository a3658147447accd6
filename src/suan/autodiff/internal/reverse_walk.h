// The reverse walk over gradient rules, and the stand-ins by which a part of a graph is walked
// alone. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "suan/graph/graph.h"
#include "suan/graph/op_def.h"

namespace suan {

// Node ids order the graph, so the walk is one loop from the largest id down.
class ReverseWalk {
 public:
  ReverseWalk(std::vector<Tensor> roots, std::span<const Tensor> wrt);
  void accumulate(const Tensor& at, const Tensor& g);
  void run();
  // The gradient that has arrived at x; undefined where there is none.
  Tensor result(const Tensor& x) const;

 private:
  void step(const NodePtr& node);

  std::vector<NodePtr> nodes_;
  std::unordered_set<const Node*> active_;  // nodes that depend on some x
  std::unordered_map<const Node*, std::vector<Tensor>> grads_;
};

// Values as inputs of a graph of its own, so that a walk ends at them.
class StandIns {
 public:
  Tensor operator()(const Tensor& value);
  // `results`, made from stand-ins, made from the values instead.
  std::vector<Tensor> put_back(std::vector<Tensor> results);

 private:
  Graph graph_;
  std::vector<Tensor> values_;
};

// The gradient rule of ops with the trait `recompute` (autodiff/checkpoint.cpp).
std::vector<Tensor> gradient_by_recomputation(const GradContext& c);

}  // namespace suan
