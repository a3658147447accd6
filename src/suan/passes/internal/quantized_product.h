// Products whose operands are dequantized right before them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/target/target.h"

namespace suan {

// The dequantize nodes of a convolution's or product's two factors, or of the second one alone;
// none: it is multiplied as it is.
std::vector<NodePtr> quantized_operands(const Node& product);
// Whether a kernel of the target takes these operands as they are stored.
bool takes_quantized(const NodePtr& product, const Target& target);

}  // namespace suan
