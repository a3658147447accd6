// Which layouts the CPU kernels like: what the layout pass asks.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/target/target.h"

namespace suan::cpu {

void choose_layouts(const Node& node, NodeLayouts& layouts);

}  // namespace suan::cpu
