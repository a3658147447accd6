// Type: what a value in a graph is. Nearly always Tensor(dtype, shape); never a layout.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/base/dtype.h"
#include "suan/base/shape.h"

namespace suan {

enum class TypeKind : uint8_t { tensor, sequence, optional, map };

struct Type {
  TypeKind kind = TypeKind::tensor;
  DType dtype = DType::f32;  // of the tensor; of the keys of a map
  Shape shape;
  std::shared_ptr<const Type> element;  // of a sequence, an optional, or the values of a map

  Type() = default;
  Type(DType d, Shape s) : dtype(d), shape(s) {}
  bool operator==(const Type& other) const;
  size_t bytes() const { return static_cast<size_t>(shape.numel()) * size_of(dtype); }
};

std::string to_string(const Type& type);  // "f32[2, 3]", "sequence<f32[2]>"

}  // namespace suan
