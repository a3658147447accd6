// Channel scales: factors that one layer's output channels are divided by and the next one's inputs
// multiplied by, so that the graph computes the same with other weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <unordered_map>

#include "suan/base/array.h"
#include "suan/graph/graph.h"

namespace suan::compress {

// Constants of a graph with new content, by node.
using NewConstants = std::unordered_map<const Node*, Array>;

// The content of a constant, as changed so far; its own memory.
Array& changed(NewConstants& constants, const Tensor& constant);
// The graph with them.
Graph with_new_constants(const Graph& graph, const NewConstants& constants);

// Which elements of a layer's weights belong to a channel: element (outer, c, inner) of a block of
// [outer, channels, inner].
struct ChannelView {
  int64_t outer = 1, channels = 0, inner = 1;
};
ChannelView output_channels(const Node& layer);
// Of the input; without channels where each group of a convolution has several.
ChannelView input_channels(const Node& layer);

void multiply(Array& weights, const ChannelView& view, const std::vector<double>& factors);
// The largest magnitude of each channel.
std::vector<double> magnitudes(const Array& weights, const ChannelView& view);

}  // namespace suan::compress
