// Ranges into scales and zero points.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/scheme.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/leaf.h"
#include "suan/ops/quantize.h"

namespace suan::compress {

std::string to_string(const QuantParams& params) {
  const std::string dtype(name(params.dtype));
  return params.has_zero ? fmt::format("{} zero {}", dtype, params.zero) : dtype;
}

QuantParams cover(const Range& range, DType dtype, bool has_zero) {
  const IntegerRange integers = integer_range(dtype);
  QuantParams params{.dtype = dtype, .has_zero = has_zero};
  const double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0);
  // Without a zero point, 0 is the integer 0; of signed integers the least one is left out, so that
  // both sides are equal.
  const double steps = has_zero ? integers.high - integers.low : integers.high;
  const double span = has_zero ? high - low : std::max(high, -low);
  const auto scale = static_cast<float>(span / steps);
  if (std::isnormal(scale)) params.scale = scale;
  if (has_zero) {
    const double zero = std::nearbyint(integers.low - low / params.scale);
    params.zero = static_cast<int>(std::clamp(zero, integers.low, integers.high));
  }
  return params;
}

QuantParams choose_params(const Histogram& h, bool by_convolution, const Scheme& scheme,
                          const CalibrationOptions& calibration) {
  const bool positive = scheme.unsigned_inputs && h.min() >= 0;
  const bool shifted = !positive && scheme.zero_points && !by_convolution;
  if (positive || shifted) {
    const Steps steps{.count = 255, .symmetric = false};
    return cover(calibrated_range(h, steps, calibration), DType::u8, shifted);
  }
  return cover(calibrated_range(h, Steps{}, calibration), DType::i8, false);
}

Tensor scale_of(const QuantParams& params) { return full(params.scale, {}); }
Tensor zero_of(const QuantParams& params) {
  return params.has_zero ? full(params.zero, {}, params.dtype) : Tensor();
}
Tensor quantized(const Tensor& x, const QuantParams& params) {
  const Tensor scale = scale_of(params), zero = zero_of(params);
  return dequantize(quantize(x, scale, zero, {.dtype = params.dtype}), scale, zero);
}

}  // namespace suan::compress
