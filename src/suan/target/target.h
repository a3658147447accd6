// Target: what a device offers, as data. Passes read it; they know no backend.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>
#include <vector>

#include "suan/graph/graph.h"

namespace suan {

// The layouts of one node's operands. `inputs` and `outputs` come in as plain and hold the choice
// afterwards; `current` is what the inputs have now (plain for absent ones).
struct NodeLayouts {
  std::vector<Layout> current, inputs, outputs;
};

struct Target {
  std::string_view name;
  // Null where a kernel takes the node as it is, else the reason why none does.
  const char* (*why_not)(const Node&);
  // What runs better than a node that the target takes, on these inputs; nothing: the node. Null:
  // no node has such.
  std::vector<Tensor> (*split)(const Node&, const std::vector<Tensor>& inputs) = nullptr;
  // Whether an elementwise node may join a fused region; null: nothing fuses.
  bool (*fuses)(const Node&) = nullptr;
  // Whether one kernel computes a whole region that begins with `anchor`, a node of `begins_tail`,
  // and goes on with elementwise nodes, each reading the one before. The results are the last
  // value, or the last but one and the last. Null: none does.
  bool (*fuses_tail)(const Node& anchor, const Graph& region) = nullptr;
  bool (*begins_tail)(const Node&) = nullptr;
  // The value of a tensor that follows from constants; null: nothing is folded.
  BufferPtr (*evaluate)(const Tensor&) = nullptr;
  // Bytes that a folded value may have even where it is much larger than what it is made of.
  size_t fold_bytes = size_t{1} << 20;
  bool tf32 = false;  // whether products can round f32 operands to TF32
  // Chooses the layouts a node runs best in; null: all plain.
  void (*choose_layouts)(const Node&, NodeLayouts&) = nullptr;
};

}  // namespace suan
