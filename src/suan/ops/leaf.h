// Leaves of a graph (input, constant, state) and `full`, a tensor of one repeated number.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct FullAttrs {
  double value = 0;
  Shape shape;
  DType dtype = DType::f32;
  bool literal = false;  // written as a number in an expression: takes the dtype of its partner
  bool operator==(const FullAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"value", &FullAttrs::value}, Field{"shape", &FullAttrs::shape},
                      Field{"dtype", &FullAttrs::dtype}, Field{"literal", &FullAttrs::literal}};
  }
};

// A tensor of the given shape with every element equal to `value`.
Tensor full(double value, const Shape& shape, DType dtype = DType::f32);
Tensor zeros(const Shape& shape, DType dtype = DType::f32);
Tensor ones(const Shape& shape, DType dtype = DType::f32);
bool is_literal(const Tensor& x);
// Whether every element of x is known, while building, to be `value`.
bool is_full_of(const Tensor& x, double value);

}  // namespace suan
