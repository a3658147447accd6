// From a traced evaluation to the graph that is quantized.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/inference_graph.h"

#include "suan/backend/evaluate.h"
#include "suan/compress/layers.h"
#include "suan/graph/state.h"
#include "suan/graph/users.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"
#include "suan/passes/pass.h"

namespace suan::compress {
namespace {

using Inputs = std::vector<Tensor>;

// Without gradients nothing is left of it.
Graph without_straight_through(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const Inputs& inputs) -> Inputs {
    return is(*node, Op::straight_through) ? Inputs{inputs[0]} : Inputs{};
  });
}

// Integer weights stand aside while constants are folded, which would make floats of them.
class IntegerWeights {
 public:
  // The graph with inputs in place of what is dequantized from constants.
  Graph hidden(const Graph& graph) {
    return rewrite(graph, [&](const NodePtr& node, const Inputs& inputs) -> Inputs {
      if (!is(*node, Op::dequantize) || !is_constant({node, 0})) return {};
      Inputs known;
      for (const Tensor& t : inputs) {
        known.push_back(t ? Tensor::from(evaluate(t, cpu_backend())) : Tensor());
      }
      const Tensor place = make_input(node->types[0], "");
      weights_.set(place, {with_inputs(*node, known), 0});
      return {place};
    });
  }
  Graph restored(const Graph& graph) const { return with_values(graph, weights_); }

 private:
  ValueMap weights_;
};

// relu(max_pool(x)) = max_pool(relu(x))
Graph relu_before_pool(const Graph& graph) {
  const Users users(graph);
  return rewrite(graph, [&](const NodePtr& node, const Inputs& inputs) -> Inputs {
    if (!is(*node, Op::relu) || !is(inputs[0].node(), Op::max_pool)) return {};
    if (!users.only(node->inputs[0].node())) return {};
    const Node& pool = inputs[0].node();
    return {max_pool(relu(pool.inputs[0]), pool.attr<PoolAttrs>())};
  });
}

// A product with zeros, the first step of a recurrent layer, is zeros. Weights are finite.
Graph zeros_stay(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const Inputs& inputs) -> Inputs {
    if (!is(*node, Op::matmul) || !is_full_of(inputs[0], 0)) return {};
    return {zeros(node->types[0].shape, node->types[0].dtype)};
  });
}

}  // namespace

Graph with_constants(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const Inputs& /*inputs*/) -> Inputs {
    if (!is(*node, Op::state)) return {};
    return {make_constant(node->types[0], node->state->buffer())};
  });
}

InferenceGraph inference_graph(const Graph& graph) {
  // What is repeated for each sample of a batch is not folded: graphs for all batch sizes are
  // alike.
  Target target = *cpu_backend().target;
  target.fold_bytes = 0;
  InferenceGraph result;
  Graph& g = result.graph;
  g = graph;
  g.updates.clear();
  g = fold_constants(without_straight_through(with_layer_names(g)), target);
  for (const NodePtr& node : g.nodes()) {
    if (is(*node, Op::constant)) result.fixed.insert(node->values[0].get());
  }
  IntegerWeights integers;
  g = integers.hidden(zeros_stay(with_constants(g)));
  for (const auto pass :
       {simplify, fold_constants, move_views, recognise, fold_affine, fold_constants}) {
    g = pass(g, target);
  }
  g = simplify(relu_before_pool(integers.restored(g)), target);
  verify(g);
  return result;
}

}  // namespace suan::compress
