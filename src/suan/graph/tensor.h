// Tensor: a handle to one output of one node. Copying it is cheap; operations on it record nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "suan/base/array.h"
#include "suan/graph/type.h"

namespace suan {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

class Tensor {
 public:
  Tensor() = default;  // undefined: an absent optional input, or no gradient
  Tensor(NodePtr node, int output) : node_(std::move(node)), output_(output) {}
  // A scalar literal. Its dtype gives way to that of the tensor it meets: x * 0.5 keeps x's dtype.
  Tensor(double value);  // NOLINT: implicit on purpose
  // A constant with the array's content; shares the array's memory.
  static Tensor from(Array array);
  template <class T>
  static Tensor of(std::initializer_list<T> values, Shape shape) {
    return from(Array::of(std::span<const T>(values.begin(), values.size()), shape));
  }

  explicit operator bool() const { return node_ != nullptr; }
  const Node& node() const { return *node_; }
  const NodePtr& node_ptr() const { return node_; }
  int output() const { return output_; }
  const Type& type() const;
  const Shape& shape() const { return type().shape; }
  DType dtype() const { return type().dtype; }
  int rank() const { return shape().rank(); }
  // The size of a dimension as an integer; -1 is the last. Specialises a graph that is being
  // traced.
  int64_t size(int axis) const;
  bool same_as(const Tensor& other) const {
    return node_ == other.node_ && output_ == other.output_;
  }

  // Computes the value if need be (compiling what it depends on). Throws Error inside a trace.
  Array array() const;
  // The only element as a number; throws Error unless there is exactly one.
  double item() const;

 private:
  NodePtr node_;
  int output_ = 0;
};

}  // namespace suan
