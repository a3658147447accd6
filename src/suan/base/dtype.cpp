// Names, promotion and the float16 conversions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/dtype.h"

#include <algorithm>
#include <iterator>

namespace suan {
namespace {

constexpr std::string_view kNames[] = {
    "f64",      "f32",        "bf16",   "f16",        "i64",    "i32",    "i16",    "i8",    "u64",
    "u32",      "u16",        "u8",     "bool",       "string", "i4",     "u4",     "i2",    "u2",
    "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0", "f4e2m1", "f6e2m3", "f6e3m2"};
static_assert(std::size(kNames) == kNumDTypes);

}  // namespace

std::string_view name(DType dtype) { return kNames[static_cast<int>(dtype)]; }

std::optional<DType> parse_dtype(std::string_view text) {
  for (int i = 0; i < kNumDTypes; ++i) {
    if (kNames[i] == text) return static_cast<DType>(i);
  }
  return std::nullopt;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a == DType::boolean) return b;
  if (b == DType::boolean) return a;
  if (is_float(a) != is_float(b)) return is_float(a) ? a : b;
  if (is_float(a)) {
    const bool both_half = size_of(a) == 2 && size_of(b) == 2;
    return both_half ? DType::f32 : std::min(a, b);  // the enum is ordered widest first
  }
  if (is_unsigned(a) == is_unsigned(b)) return std::min(a, b);
  const DType with_sign = is_unsigned(a) ? b : a, without = is_unsigned(a) ? a : b;
  if (size_of(with_sign) > size_of(without)) return with_sign;
  const size_t needed = 2 * size_of(without);
  return needed == 2 ? DType::i16 : (needed == 4 ? DType::i32 : DType::i64);
}

float16::float16(float value) {
  const auto u = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (u >> 16) & 0x8000;
  const uint32_t magnitude = u & 0x7fffffff;
  if (magnitude >= 0x7f800000) {  // infinity or NaN
    bits = static_cast<uint16_t>(sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
  } else if (magnitude >= 0x477ff000) {  // rounds to beyond the largest half
    bits = static_cast<uint16_t>(sign | 0x7c00);
  } else if (magnitude < 0x38800000) {  // subnormal half: let the float adder round
    const float scaled = std::bit_cast<float>(magnitude) + 0.5f;
    bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(scaled) - 0x3f000000));
  } else {
    const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
    bits = static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
  }
}

float16::operator float() const {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

}  // namespace suan
