// Comparing and printing types.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/type.h"

namespace suan {

bool Type::operator==(const Type& other) const {
  if (kind != other.kind) return false;
  if (kind == TypeKind::tensor) return dtype == other.dtype && shape == other.shape;
  if (kind == TypeKind::map && dtype != other.dtype) return false;
  return element && other.element && *element == *other.element;
}

std::string to_string(const Type& type) {
  const std::string inner = type.element ? to_string(*type.element) : "?";
  switch (type.kind) {
    case TypeKind::tensor:
      return std::string(name(type.dtype)) + to_string(type.shape);
    case TypeKind::sequence:
      return "sequence<" + inner + ">";
    case TypeKind::optional:
      return "optional<" + inner + ">";
    case TypeKind::map:
      break;
  }
  return "map<" + std::string(name(type.dtype)) + ", " + inner + ">";
}

}  // namespace suan
