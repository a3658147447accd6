// Who reads the values of a graph.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "suan/graph/graph.h"

namespace suan {

class Users {
 public:
  explicit Users(const Graph& graph) {
    for (const Tensor& t : graph.roots()) results_.insert(&t.node());
    for (const NodePtr& node : graph.nodes()) {
      for (const Tensor& t : node->inputs) {
        if (t) users_[&t.node()].push_back(node);
      }
    }
  }
  // The nodes that read this one, each as often as it does.
  std::span<const NodePtr> of(const Node& node) const {
    const auto found = users_.find(&node);
    return found == users_.end() ? std::span<const NodePtr>() : found->second;
  }
  bool is_result(const Node& node) const { return results_.contains(&node); }
  // The node that alone reads this one, once, where it is no result of the graph; else null.
  NodePtr only(const Node& node) const {
    const auto found = users_.find(&node);
    const bool one = found != users_.end() && found->second.size() == 1;
    return one && !results_.contains(&node) ? found->second[0] : nullptr;
  }

 private:
  std::unordered_map<const Node*, std::vector<NodePtr>> users_;
  std::unordered_set<const Node*> results_;
};

}  // namespace suan
