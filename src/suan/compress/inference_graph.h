// Inference graph: a model as it is served, before anything is quantized: weights are constants,
// batch norm is part of the convolutions, layers have names.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <unordered_set>

#include "suan/graph/graph.h"

namespace suan::compress {

struct InferenceGraph {
  Graph graph;
  // Constants (their blocks) that do not depend on any state: masks, tables of positions.
  std::unordered_set<const Buffer*> fixed;
};

// The graph with the states' values as constants, after the passes that leave an ordinary graph:
// simplify, fold_constants, move_views, recognise, fold_affine. A convolution or product is
// labelled with the name of its weights without ".weight", unless it has a label. ReLU moves before
// max pooling, where it joins the convolution. Updates of states are dropped.
InferenceGraph inference_graph(const Graph& graph);
// The graph with the states' values as constants, which share their memory.
Graph with_constants(const Graph& graph);

}  // namespace suan::compress
