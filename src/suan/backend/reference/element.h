// Reading and writing single elements of any dtype, in plain layout. Slow and simple on purpose:
// the reference backend is the truth that tests compare with. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstring>
#include <limits>
#include <type_traits>

#include "suan/backend/kernel.h"

namespace suan::reference {

template <class C>
C load(const Operand& x, int64_t i) {
  return visit(x.type.dtype, [&](auto tag) -> C {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>) {
      return static_cast<C>(static_cast<float>(x.as<T>()[i]));
    } else {
      return static_cast<C>(x.as<T>()[i]);
    }
  });
}

// Float to integer: truncates, saturates, NaN gives 0.
template <class T>
T to_integer(double value) {
  if (value != value) return 0;
  constexpr auto kLeast = static_cast<double>(std::numeric_limits<T>::min());
  constexpr auto kMost = static_cast<double>(std::numeric_limits<T>::max());
  if (value <= kLeast) return std::numeric_limits<T>::min();
  if (value >= kMost) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

template <class C>
void store(const Operand& y, int64_t i, C value) {
  visit(y.type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>) {
      y.as<T>()[i] = T(static_cast<float>(value));
    } else if constexpr (std::is_same_v<T, bool>) {
      y.as<T>()[i] = value != C(0);
    } else if constexpr (std::is_floating_point_v<C> && std::is_integral_v<T>) {
      y.as<T>()[i] = to_integer<T>(static_cast<double>(value));
    } else {
      y.as<T>()[i] = static_cast<T>(value);
    }
  });
}

inline void copy_element(const Operand& from, int64_t i, const Operand& to, int64_t j) {
  const size_t size = size_of(from.type.dtype);
  std::memcpy(to.as<char>() + static_cast<size_t>(j) * size,
              from.as<char>() + static_cast<size_t>(i) * size, size);
}

// Calls f(TypeTag<C>) with the type that arithmetic on this dtype is done in.
template <class F>
decltype(auto) visit_compute(DType dtype, F&& f) {
  if (dtype == DType::f64) return f(TypeTag<double>{});
  if (is_float(dtype)) return f(TypeTag<float>{});
  if (dtype == DType::u64) return f(TypeTag<uint64_t>{});
  return f(TypeTag<int64_t>{});
}

// Position of `index` (of a tensor of shape `to`) in a tensor of shape `from` that broadcasts to
// it.
inline int64_t broadcast_offset(const Shape& index, const Shape& from, const Shape& strides) {
  const int lead = index.rank() - from.rank();
  int64_t offset = 0;
  for (int i = 0; i < from.rank(); ++i) {
    if (from[i] != 1) offset += index[i + lead] * strides[i];
  }
  return offset;
}
inline int64_t offset_of(const Shape& index, const Shape& strides) {
  int64_t offset = 0;
  for (int i = 0; i < index.rank(); ++i) offset += index[i] * strides[i];
  return offset;
}

// Calls f(index, position) for every element of `shape` in row-major order.
template <class F>
void for_each(const Shape& shape, F&& f) {
  if (shape.numel() == 0) return;
  Shape index = Shape::filled(shape.rank(), 0);
  int64_t position = 0;
  do {
    f(index, position++);
  } while (next_index(index, shape));
}

// Calls f(offset of the first element, stride, length) for each line along the axis.
template <class F>
void for_each_line(const Shape& shape, int64_t axis, F&& f) {
  const int a = normalize_axis(axis, shape.rank(), "axis");
  const int64_t stride = shape.strides()[a];
  Shape rest = shape;
  rest[a] = 1;
  for_each(rest, [&](const Shape& index, int64_t) {
    f(offset_of(index, shape.strides()), stride, shape[a]);
  });
}

}  // namespace suan::reference
