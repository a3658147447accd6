// What the rules of passes/recognise share.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "suan/graph/node.h"
#include "suan/graph/tensor.h"

namespace suan {

// The value of a tensor that is one known number.
std::optional<double> number(const Tensor& t);
// Whether `a` is the number `b` as exporters write it: with six digits or more, or rounded to the
// dtype that a model computes in.
bool near(double a, double b, DType dtype);
// t = scale * inner, with all known factors in `scale`.
Tensor strip_scale(const Tensor& t, double& scale);

// Layer norm and RMS norm written out; then their scale and shift. Undefined: it is none.
Tensor find_norm(const NodePtr& node);
Tensor find_norm_affine(const NodePtr& node);

}  // namespace suan
