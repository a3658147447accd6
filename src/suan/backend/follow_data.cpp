// The layout of elementwise loops.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/follow_data.h"

#include <algorithm>

namespace suan {

void follow_data(const Node& node, NodeLayouts& layouts) {
  const Shape& shape = node.types[0].shape;
  Layout common = Layout::plain;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i].shape() == shape && layouts.inputs[i] != Layout::plain) {
      common = layouts.inputs[i];
    }
  }
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Shape& operand = node.inputs[i].shape();
    const bool full = operand == shape && operand.numel() > 1;
    layouts.inputs[i] = full ? common : Layout::plain;
    if (full || operand.rank() != shape.rank() || operand.rank() < 2) continue;
    const bool no_space = operand.numel() == operand[0] * operand[1];  // the same in any layout
    if (no_space) layouts.inputs[i] = layouts.current[i];
    // A plain operand that spans both channels and space would need a reorder of its own.
    if (common != Layout::plain && operand[1] != 1 && !no_space) {
      common = Layout::plain;
      std::fill(layouts.inputs.begin(), layouts.inputs.end(), Layout::plain);
      break;
    }
  }
  std::fill(layouts.outputs.begin(), layouts.outputs.end(), common);
}

}  // namespace suan
