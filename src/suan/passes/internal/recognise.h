// What the rules of passes/recognise share.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "suan/graph/node.h"
#include "suan/graph/tensor.h"

namespace suan {

// The value of a tensor that is one known number.
std::optional<double> number(const Tensor& t);
bool near(double a, double b);
// t = scale * inner, with all known factors in `scale`.
Tensor strip_scale(const Tensor& t, double& scale);

// Layer norm and RMS norm written out; then their scale and shift. Undefined: it is none.
Tensor find_norm(const NodePtr& node);
Tensor find_norm_affine(const NodePtr& node);

}  // namespace suan
