// Layouts of nodes that loop over all elements in any order: they take what their data has.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/target/target.h"

namespace suan {

// One layout for every operand of the full shape. `inputs` come in as `current`.
void follow_data(const Node& node, NodeLayouts& layouts);

}  // namespace suan
