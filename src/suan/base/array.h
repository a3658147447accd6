// Array: plain dense data in host memory (dtype, shape, row-major buffer). What files and loaders
// yield and what a Tensor is made from; it has no operations.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "suan/base/buffer.h"
#include "suan/base/dtype.h"
#include "suan/base/shape.h"

namespace suan {

struct Array {
  DType dtype = DType::f32;
  Shape shape;
  BufferPtr buffer;

  Array() = default;
  Array(DType d, Shape s, BufferPtr b) : dtype(d), shape(s), buffer(std::move(b)) {}
  // Uninitialised memory for the given type.
  Array(DType d, Shape s)
      : Array(d, s, Buffer::allocate(static_cast<size_t>(s.numel()) * size_of(d))) {}
  template <class T>
  static Array of(std::span<const T> values, Shape shape) {
    return {dtype_of<T>(), shape, Buffer::copy_of(values.data(), values.size_bytes())};
  }
  template <class T>
  static Array list(const std::vector<T>& values) {
    return of(std::span<const T>(values), {static_cast<int64_t>(values.size())});
  }

  int64_t numel() const { return shape.numel(); }
  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype); }
  template <class T>
  T* as() const {
    return buffer->as<T>();
  }
  template <class T>
  std::span<T> span() const {
    return {buffer->as<T>(), static_cast<size_t>(numel())};
  }
  // The elements converted to T, in order.
  template <class T>
  std::vector<T> to_vector() const {
    return visit(dtype, [&](auto tag) {
      std::vector<T> out;
      out.reserve(static_cast<size_t>(numel()));
      for (auto v : span<typename decltype(tag)::type>()) out.push_back(static_cast<T>(v));
      return out;
    });
  }
};

}  // namespace suan
