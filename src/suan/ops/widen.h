// widen: a value in full precision, whatever mixed precision makes of what it comes from.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// x in f32; f64 stays. In a graph of f32 values it is x itself and says that what is computed from
// it, and from its gradient, is computed in f32: gradients that are scaled back, losses.
Tensor widen(const Tensor& x);

}  // namespace suan
