// Scheme: which integers stand for activations on a device, as data.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/compress/calibrators.h"
#include "suan/graph/tensor.h"

namespace suan::compress {

struct Scheme {
  bool unsigned_inputs = true;  // a value that is never negative is u8, without a zero point
  bool zero_points = true;      // what only products read is u8 with a zero point where negative
};
// oneDNN: u8 times i8 is as fast as i8 times i8 (faster before AMX), and a zero point costs a
// product nothing; a convolution with padding has no fast kernel with one.
inline constexpr Scheme kCpuScheme{};
// Tensor cores want i8 on both sides.
inline constexpr Scheme kGpuScheme{.unsigned_inputs = false, .zero_points = false};

// The integers of one value: x = (q - zero) scale, q of `dtype`.
struct QuantParams {
  DType dtype = DType::i8;
  float scale = 1;
  int zero = 0;
  bool has_zero = false;  // whether it has a zero point, which may be 0
  bool operator==(const QuantParams&) const = default;
};
std::string to_string(const QuantParams& params);  // "u8 zero 131"

// The choice for a value; `by_convolution`: whether a convolution or a residual sum reads it.
QuantParams choose_params(const Histogram& h, bool by_convolution, const Scheme& scheme,
                          const CalibrationOptions& calibration);
// scale and zero that cover the range. A range of nothing gets the scale 1.
QuantParams cover(const Range& range, DType dtype, bool has_zero);

// dequantize(quantize(x)) by nodes, and scale and zero point as numbers of rank 0.
Tensor scale_of(const QuantParams& params);
Tensor zero_of(const QuantParams& params);  // undefined without one
Tensor quantized(const Tensor& x, const QuantParams& params);

}  // namespace suan::compress
