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

// Within the floats, the signed and the unsigned integers: widest first. Those after `boolean` only
// move, compare and are cast: texts (base/string_pool.h), and what takes less than a byte or a
// half (base/small_types.h), one byte an element.
enum class DType : uint8_t {
  f64,
  f32,
  bf16,
  f16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
  string,
  i4,
  u4,
  i2,
  u2,
  f8e4m3fn,
  f8e4m3fnuz,
  f8e5m2,
  f8e5m2fnuz,
  f8e8m0,
  f4e2m1,
  f6e2m3,
  f6e3m2
};
inline constexpr int kNumDTypes = 26;
inline constexpr int kNumArithmeticDTypes = 13;

std::string_view name(DType dtype);                       // "f32", "bool"
std::optional<DType> parse_dtype(std::string_view text);  // the inverse of name()
constexpr size_t size_of(DType dtype) {
  constexpr size_t kSizes[] = {8, 4, 2, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1,
                               8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  return kSizes[static_cast<int>(dtype)];
}
constexpr bool is_float(DType dtype) { return dtype <= DType::f16; }
constexpr bool is_integer(DType dtype) { return dtype >= DType::i64 && dtype <= DType::u8; }
constexpr bool is_unsigned(DType dtype) { return dtype >= DType::u64 && dtype <= DType::u8; }
constexpr bool is_arithmetic(DType dtype) { return dtype <= DType::boolean; }
constexpr bool is_small_integer(DType dtype) { return dtype >= DType::i4 && dtype <= DType::u2; }
constexpr bool is_small_float(DType dtype) { return dtype >= DType::f8e4m3fn; }
// What sums and statistics of this dtype are kept in: f64 for f64, else f32.
constexpr DType wide(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// The dtype of an operation over a and b: the wider of the two; a float beats an integer; two
// different 16-bit floats meet in f32; signed with unsigned gives the signed integer that holds
// both (i64 for u64); bool gives way to all.
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

// Text of any length, held by the pool of strings: equal texts have equal ids.
struct StringId {
  uint64_t id = 0;
  bool operator==(const StringId&) const = default;
};

template <class T>
struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<T>{}) with the storage type of `dtype`; strings count as their ids, small floats
// as their bits.
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
    case DType::i16:
      return f(TypeTag<int16_t>{});
    case DType::i8:
    case DType::i4:
    case DType::i2:
      return f(TypeTag<int8_t>{});
    case DType::u64:
    case DType::string:
      return f(TypeTag<uint64_t>{});
    case DType::u32:
      return f(TypeTag<uint32_t>{});
    case DType::u16:
      return f(TypeTag<uint16_t>{});
    case DType::boolean:
      return f(TypeTag<bool>{});
    default:
      return f(TypeTag<uint8_t>{});
  }
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
constexpr DType dtype_of<int16_t>() {
  return DType::i16;
}
template <>
constexpr DType dtype_of<uint64_t>() {
  return DType::u64;
}
template <>
constexpr DType dtype_of<uint32_t>() {
  return DType::u32;
}
template <>
constexpr DType dtype_of<uint16_t>() {
  return DType::u16;
}
template <>
constexpr DType dtype_of<StringId>() {
  return DType::string;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::boolean;
}

}  // namespace suan
