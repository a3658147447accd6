// Walking and describing values.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/value.h"

#include <fmt/core.h>

#include "suan/graph/node.h"

namespace suan::onnx {

void for_each_tensor(Value& value, const std::function<void(Tensor&)>& f) {
  if (value.tensor) f(value.tensor);
  for (Value& item : value.items) for_each_tensor(item, f);
}
void for_each_tensor(const Value& value, const std::function<void(const Tensor&)>& f) {
  if (value.tensor) f(value.tensor);
  for (const Value& item : value.items) for_each_tensor(item, f);
}

std::vector<BufferPtr> blocks_of(const std::vector<Value>& values) {
  std::vector<BufferPtr> blocks;
  for (const Value& value : values) {
    for_each_tensor(value, [&](const Tensor& t) { blocks.push_back(t.array().buffer); });
  }
  return blocks;
}
std::vector<Value> placeholders(std::span<const Type> types) {
  std::vector<Value> values;
  for (const Type& type : types) values.emplace_back(make_input(type, ""));
  return values;
}

std::string to_string(const Value& value) {
  switch (value.kind) {
    case TypeKind::tensor:
      return value.tensor ? to_string(value.tensor.type()) : "nothing";
    case TypeKind::sequence:
      return fmt::format("sequence of {}", value.items.size());
    case TypeKind::optional:
      return value.items.empty() ? "empty optional" : "optional " + to_string(value.items[0]);
    case TypeKind::map:
      break;
  }
  return fmt::format("map of {}", value.keys.buffer ? value.keys.numel() : 0);
}

}  // namespace suan::onnx
