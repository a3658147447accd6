// Small floats by tables of their values.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/small_types.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace suan {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Format {
  int exponent, mantissa, bias;
  bool infinity;       // as IEEE: the top exponent is infinity and NaN
  bool unsigned_zero;  // the code of -0 is the only NaN
  bool nan;            // the code of all ones is NaN
};
Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f8e4m3fn:
      return {4, 3, 7, false, false, true};
    case DType::f8e4m3fnuz:
      return {4, 3, 8, false, true, false};
    case DType::f8e5m2:
      return {5, 2, 15, true, false, false};
    case DType::f8e5m2fnuz:
      return {5, 2, 16, false, true, false};
    case DType::f6e2m3:
      return {2, 3, 1, false, false, false};
    case DType::f6e3m2:
      return {3, 2, 3, false, false, false};
    default:
      return {2, 1, 1, false, false, false};  // f4e2m1
  }
}

float value_of(const Format& f, int code) {  // of a code without its sign
  const int exponent = code >> f.mantissa, fraction = code & ((1 << f.mantissa) - 1);
  const int top = (1 << f.exponent) - 1;
  if (f.infinity && exponent == top) return fraction ? kNaN : kInfinity;
  if (f.nan && code == (1 << (f.exponent + f.mantissa)) - 1) return kNaN;
  if (exponent == 0) return std::ldexp(static_cast<float>(fraction), 1 - f.bias - f.mantissa);
  return std::ldexp(static_cast<float>(fraction + (1 << f.mantissa)),
                    exponent - f.bias - f.mantissa);
}

struct Table {
  std::array<float, 256> values;
  std::vector<float> positive;  // finite values by code, ascending
  int sign;                     // the bit
  Format format;
};
Table make_table(DType dtype) {
  Table t;
  t.format = format_of(dtype);
  t.sign = 1 << (t.format.exponent + t.format.mantissa);
  for (int code = 0; code < 256; ++code) {
    const float magnitude = value_of(t.format, code & (t.sign - 1));
    t.values[static_cast<size_t>(code)] = code & t.sign ? -magnitude : magnitude;
  }
  if (t.format.unsigned_zero) t.values[static_cast<size_t>(t.sign)] = kNaN;
  for (int code = 0; code < t.sign; ++code) {
    const float value = t.values[static_cast<size_t>(code)];
    if (std::isfinite(value)) t.positive.push_back(value);
  }
  return t;
}
const Table& table_of(DType dtype) {
  static const auto* tables = [] {
    auto* t = new std::array<Table, kNumDTypes>;
    for (const DType d : {DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz,
                          DType::f4e2m1, DType::f6e2m3, DType::f6e3m2}) {
      (*t)[static_cast<size_t>(d)] = make_table(d);
    }
    return t;
  }();
  return (*tables)[static_cast<size_t>(dtype)];
}

uint8_t nan_code(const Table& t) {
  if (t.format.unsigned_zero) return static_cast<uint8_t>(t.sign);
  return static_cast<uint8_t>(t.format.infinity || t.format.nan ? t.sign - 1 : t.sign);
}

// 2^(code - 127), the power above.
uint8_t encode_e8m0(float value, bool saturate) {
  if (std::isnan(value) || value < 0) return 0xff;
  const bool fits = value >= std::ldexp(1.0f, -127) && value <= std::ldexp(1.0f, 127);
  if (!saturate && !fits) return 0xff;
  if (value == 0) return 0;
  if (std::isinf(value)) return 0xfe;
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);  // value = fraction 2^exponent, in [0.5, 1)
  const int power = fraction == 0.5f ? exponent - 1 : exponent;
  return static_cast<uint8_t>(std::clamp(power + 127, 0, 254));
}

}  // namespace

float decode_small(DType dtype, uint8_t bits) {
  if (dtype == DType::f8e8m0) return bits == 0xff ? kNaN : std::ldexp(1.0f, bits - 127);
  return table_of(dtype).values[bits];
}

uint8_t encode_small(DType dtype, float value, bool saturate) {
  if (dtype == DType::f8e8m0) return encode_e8m0(value, saturate);
  const Table& t = table_of(dtype);
  if (std::isnan(value)) return nan_code(t);
  const bool has_special = t.format.infinity || t.format.nan || t.format.unsigned_zero;
  const auto sign = static_cast<uint8_t>(std::signbit(value) ? t.sign : 0);
  const float magnitude = std::abs(value), largest = t.positive.back();
  const size_t last = t.positive.size() - 1;
  size_t code = last;
  if (magnitude < largest) {
    const auto above = std::upper_bound(t.positive.begin(), t.positive.end(), magnitude);
    code = static_cast<size_t>(above - t.positive.begin()) - 1;
    const float low = t.positive[code], high = t.positive[code + 1];
    const float rest = magnitude - low, step = high - low;  // exact: neighbours are close
    if (rest > step / 2 || (rest == step / 2 && (code & 1))) ++code;
  } else if (magnitude > largest && !saturate && has_special) {
    const float half = (largest - t.positive[last - 1]) / 2;
    const bool rounds_down =
        magnitude < largest + half || (magnitude == largest + half && !(last & 1));
    if (!rounds_down) {
      if (t.format.infinity) return static_cast<uint8_t>(sign | (last + 1));
      return t.format.nan ? static_cast<uint8_t>(sign | nan_code(t)) : nan_code(t);
    }
  }
  if (code == 0 && t.format.unsigned_zero) return 0;
  return static_cast<uint8_t>(sign | code);
}

SmallRange small_range(DType dtype) {
  switch (dtype) {
    case DType::i4:
      return {-8, 7};
    case DType::u4:
      return {0, 15};
    case DType::i2:
      return {-2, 1};
    default:
      return {0, 3};  // u2
  }
}

int bits_of(DType dtype) {
  if (dtype == DType::i2 || dtype == DType::u2) return 2;
  if (dtype == DType::i4 || dtype == DType::u4 || dtype == DType::f4e2m1) return 4;
  if (dtype == DType::f6e2m3 || dtype == DType::f6e3m2) return 6;
  return static_cast<int>(8 * size_of(dtype));
}

}  // namespace suan
