// Element types: their names, sizes, promotion, and the 16-bit float storage types.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace suan {

enum class DType : uint8_t { f64, f32, bf16, f16, i64, i32, i8, u8, boolean };
inline constexpr int kNumDTypes = 9;

std::string_view name(DType dtype);                       // "f32", "bool"
std::optional<DType> parse_dtype(std::string_view text);  // the inverse of name()
constexpr size_t size_of(DType dtype) {
  constexpr size_t kSizes[] = {8, 4, 2, 2, 8, 4, 1, 1, 1};
  return kSizes[static_cast<int>(dtype)];
}
constexpr bool is_float(DType dtype) { return dtype <= DType::f16; }
constexpr bool is_integer(DType dtype) { return dtype >= DType::i64 && dtype <= DType::u8; }
// What sums and statistics of this dtype are kept in: f64 for f64, else f32.
constexpr DType wide(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// The dtype of an operation over a and b: the wider of the two; a float beats an integer; two
// different 16-bit floats meet in f32; u8 with i8 gives i32; bool gives way to all.
DType promote(DType a, DType b);

// bfloat16: the upper half of an IEEE binary32. Rounds to nearest even; NaN stays NaN.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value) {
    const auto u = std::bit_cast<uint32_t>(value);
    bits = std::isnan(value) ? static_cast<uint16_t>((u >> 16) | 0x40)
                             : static_cast<uint16_t>((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// IEEE binary16. Rounds to nearest even; overflow gives infinity; subnormals are kept.
struct float16 {
  uint16_t bits = 0;
  float16() = default;
  explicit float16(float value);
  operator float() const;
};

// The C++ type that stores one element of a dtype.
template <DType>
struct storage_of;
template <>
struct storage_of<DType::f64> {
  using type = double;
};
template <>
struct storage_of<DType::f32> {
  using type = float;
};
template <>
struct storage_of<DType::bf16> {
  using type = bfloat16;
};
template <>
struct storage_of<DType::f16> {
  using type = float16;
};
template <>
struct storage_of<DType::i64> {
  using type = int64_t;
};
template <>
struct storage_of<DType::i32> {
  using type = int32_t;
};
template <>
struct storage_of<DType::i8> {
  using type = int8_t;
};
template <>
struct storage_of<DType::u8> {
  using type = uint8_t;
};
template <>
struct storage_of<DType::boolean> {
  using type = bool;
};

template <class T>
struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<T>{}) with the storage type of `dtype`.
template <class F>
decltype(auto) visit(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64:
      return f(TypeTag<double>{});
    case DType::f32:
      return f(TypeTag<float>{});
    case DType::bf16:
      return f(TypeTag<bfloat16>{});
    case DType::f16:
      return f(TypeTag<float16>{});
    case DType::i64:
      return f(TypeTag<int64_t>{});
    case DType::i32:
      return f(TypeTag<int32_t>{});
    case DType::i8:
      return f(TypeTag<int8_t>{});
    case DType::u8:
      return f(TypeTag<uint8_t>{});
    case DType::boolean:
      break;
  }
  return f(TypeTag<bool>{});
}

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<bfloat16>() {
  return DType::bf16;
}
template <>
constexpr DType dtype_of<float16>() {
  return DType::f16;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::i64;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<int8_t>() {
  return DType::i8;
}
template <>
constexpr DType dtype_of<uint8_t>() {
  return DType::u8;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::boolean;
}

}  // namespace suan
