// Channels: which channels of a model can only be removed together, followed through its graph, and
// their removal. Ties are between single channels, not whole layers, so a sum with a part of
// another layer's channels or a concatenation needs no special case.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "suan/graph/graph.h"
#include "suan/graph/state.h"

namespace suan::compress {

struct StateAxis {
  StatePtr state;
  int axis = 0;
};

// What goes together: elements along axes of states. Of a channel behind a convolution with batch
// norm these are a filter, an element of each statistic, and a slice of every weight that reads it.
struct ChannelUnit {
  struct Place {
    int axis;       // of ChannelTies::axes
    int64_t index;  // along it
    bool operator==(const Place&) const = default;
  };
  std::vector<Place> places;  // ordered by axis
};

// An axis of which nothing can be removed, and why: "goes into softmax".
struct PinnedAxis {
  StateAxis at;
  std::string reason;
};

struct ChannelTies {
  std::vector<StateAxis> axes;  // of all states of the graph
  std::vector<ChannelUnit> units;
  std::vector<std::vector<int>> groups;  // units with places on the same axes
  std::vector<PinnedAxis> pinned;
  double fixed_flops = 0;  // of what never shrinks

  // A convolution or product: its operations are in proportion to what is left of each axis.
  struct Work {
    double flops = 0;
    std::vector<std::vector<int>> factors;  // the unit of each index, or -1
  };
  std::vector<Work> work;

  // Operations of convolutions and products without the units that are removed.
  double flops(const std::vector<bool>& removed) const;
};

// Of a graph as it is traced, with states as leaves. Only sizes that a model's code takes from
// other values may change; what the analysis does not know stays as it is.
ChannelTies find_channel_ties(const Graph& graph);

// Gives the states their smaller shapes.
void remove_channels(const ChannelTies& ties, const std::vector<bool>& removed);

}  // namespace suan::compress
