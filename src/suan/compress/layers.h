// Layers: the convolutions and products of a graph, with names that reports and skip lists use.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <vector>

#include "suan/graph/graph.h"

namespace suan::compress {

struct GraphLayer {
  NodePtr node;
  std::string name;    // its label or else its op; "name_2" where another layer has it
  double macs = 0;     // multiply-add pairs
  std::string reason;  // why it stays as it is; empty: it can be quantized
  bool linear() const;
};

// In the order of the graph. Only f32 with constant weights can be quantized; `skip` names layers
// that must not be. Throws Error naming the nearest layer where a name of `skip` is none.
std::vector<GraphLayer> find_layers(const Graph& graph, const std::vector<std::string>& skip = {});
// The name of the state that a layer's weights are, or that what they are made of first is, without
// ".weight"; empty where they are something else.
std::string weights_name(const Node& layer);
// Convolutions and products labelled with it, unless they have a label.
Graph with_layer_names(const Graph& graph);
// By name, of a graph that may be quantized already.
std::map<std::string, NodePtr> layers_by_name(const Graph& graph);

}  // namespace suan::compress
