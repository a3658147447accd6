// Channel rules: what each op does to the channels of its operands.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/compress/internal/channel_sets.h"
#include "suan/graph/node.h"

namespace suan::compress {

using ChannelAxes = std::vector<Channels>;  // of a value, by axis

// A convolution or product: its operations shrink with each of these axes.
struct ChannelWork {
  double flops = 0;
  std::vector<Channels> factors;
};

struct ChannelStep {
  ChannelSets& sets;
  std::vector<ChannelWork>& work;
  const Node& node;
  std::vector<const ChannelAxes*> in;  // null: an absent input

  const Shape& shape(size_t i) const { return node.inputs[i].shape(); }
  const Shape& out(size_t i = 0) const { return node.types[i].shape; }
};

// The channels of all outputs; ties those that the node ties. An op without a rule pins all.
std::vector<ChannelAxes> follow_channels(ChannelStep& step);

}  // namespace suan::compress
