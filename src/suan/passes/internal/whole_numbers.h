// What is known about numbers in floats that come from integers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// All elements are whole numbers of at most this magnitude; infinity: they may be others. Products
// marked as exact are of whole numbers, with sums that f32 holds.
double largest_whole(const Tensor& x);

}  // namespace suan
