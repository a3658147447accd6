// Target: what a device offers, as data. Passes read it; they know no backend.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>
#include <vector>

#include "suan/graph/graph.h"

namespace suan {

struct Target {
  std::string_view name;
  // Null where a kernel takes the node as it is, else the reason why none does.
  const char* (*why_not)(const Node&);
  // Whether an elementwise node may join a fused region.
  bool (*fuses)(const Node&) = nullptr;
  // The layout in which convolutions, poolings and norms of channel data run best; plain: none.
  Layout spatial_layout = Layout::plain;
  // Whether a node's kernel works in that layout (its rank-3..5 data operands and results).
  bool (*takes_layout)(const Node&, Layout) = nullptr;
};

}  // namespace suan
