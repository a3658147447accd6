// Puts nodes of a graph into a region of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <utility>
#include <vector>

#include "suan/ops/fused.h"
#include "suan/ops/op.h"

namespace suan {

// Builds the fused node of `members`, whose outside inputs are looked up in `map`.
class RegionBuilder {
 public:
  RegionBuilder(const std::vector<NodePtr>& members, const ValueMap& map) : outer_(map) {
    for (const NodePtr& node : members) {
      std::vector<Tensor> inputs;
      for (const Tensor& t : node->inputs) inputs.push_back(t ? operand(t) : Tensor());
      inner_.set({node, 0}, {with_inputs(*node, std::move(inputs)), 0});
    }
  }
  // The region with these outputs.
  Graph region(const std::vector<Tensor>& outputs) const {
    Graph region = region_;
    for (const Tensor& t : outputs) region.outputs.push_back(*inner_.find(t));
    return region;
  }
  NodePtr build(const std::vector<Tensor>& outputs) const {
    return make_fused(operands_, region(outputs));
  }

 private:
  Tensor operand(const Tensor& t) {
    if (const Tensor* inside = inner_.find(t)) return *inside;
    if (is(t.node(), Op::full) && t.rank() == 0) {
      inner_.set(t, {with_inputs(t.node(), {}), 0});
    } else {
      const Tensor input = make_input(t.type(), "");
      region_.inputs.push_back(input);
      operands_.push_back(outer_(t));
      inner_.set(t, input);
    }
    return *inner_.find(t);
  }
  const ValueMap& outer_;
  ValueMap inner_;
  Graph region_;
  std::vector<Tensor> operands_;
};

}  // namespace suan
