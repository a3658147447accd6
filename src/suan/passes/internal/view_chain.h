// Chains of reshapes and transposes: what they come to, taken together.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "suan/graph/node.h"

namespace suan {

// A value as another one's elements in another order: seen in the shape `split`, its axes permuted,
// seen in the shape of the value.
struct View {
  Tensor source;
  Shape split;
  std::vector<int64_t> axes;  // ascending: the elements stay where they are
  Shape shape;

  bool moves() const;  // whether elements change places
  Tensor tensor() const;
};

// What the reshapes and transposes that end in `t` come to; the source is no such node. Nothing
// where a reshape cuts across the axes of an earlier transpose.
std::optional<View> view_of(const Tensor& t);
// The value by fewer transposes, where the chain that ends in it has one that is not needed.
Tensor shortened(const Tensor& t);
// The value in another shape, reshaped once.
Tensor reshaped(const Tensor& t, const Shape& shape);

}  // namespace suan
