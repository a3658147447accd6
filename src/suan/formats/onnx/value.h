// What flows between the nodes of an ONNX model: tensors, and structures made of them. Sequences,
// optionals and maps exist only while a model is being followed; a graph holds the tensors in them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "suan/graph/tensor.h"

namespace suan::onnx {

struct Value {
  TypeKind kind = TypeKind::tensor;
  Tensor tensor;  // of kind tensor; undefined: an absent input or output
  // Of a sequence; of an optional: none or one; of a map: one, a tensor [n] of all its values.
  std::vector<Value> items;
  Array keys;  // of a map, in the order of its values: i64 or string

  Value() = default;
  Value(Tensor t) : tensor(std::move(t)) {}  // NOLINT: implicit, so that rules return tensors
  static Value sequence(std::vector<Value> items) {
    return of(TypeKind::sequence, std::move(items));
  }
  static Value optional(std::vector<Value> items) {
    return of(TypeKind::optional, std::move(items));
  }

  static Value map(Array keys, Tensor values) {
    Value value = of(TypeKind::map, {std::move(values)});
    value.keys = std::move(keys);
    return value;
  }

  bool present() const { return kind != TypeKind::tensor || tensor; }

 private:
  static Value of(TypeKind kind, std::vector<Value> items) {
    Value value;
    value.kind = kind;
    value.items = std::move(items);
    return value;
  }
};

// Calls f on every tensor in the value, in order.
void for_each_tensor(Value& value, const std::function<void(Tensor&)>& f);
void for_each_tensor(const Value& value, const std::function<void(const Tensor&)>& f);
// The blocks of all tensors in the values, in order.
std::vector<BufferPtr> blocks_of(const std::vector<Value>& values);
// Values that are known by their types alone.
std::vector<Value> placeholders(std::span<const Type> types);
// "f32[2, 3]", "sequence of 2"
std::string to_string(const Value& value);

}  // namespace suan::onnx
