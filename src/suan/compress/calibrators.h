// Calibrators: from the distribution of a value to the range that its integers should cover. Pure
// functions; what they trade is clipping a few large values against coarser steps for all.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "suan/compress/histogram.h"

namespace suan::compress {

// best: the one that suits each value (compress/calibrate.h), which a distribution alone does not
// tell.
enum class Calibrator : uint8_t { minmax, percentile, entropy, mse, best };
std::span<const std::string_view> enum_names(Calibrator calibrator);

// What integers cover, low <= 0 <= high.
struct Range {
  double low = 0, high = 0;
};

// How many steps there are: from 0 to the end where one side is covered, on each side of 0 where
// both are and 0 is in the middle.
struct Steps {
  int count = 127;
  bool symmetric = true;  // low = -high; else as the data is
};

Range min_max_range(const Histogram& h);
// Without the (100 - percent) % of values that are largest by magnitude. Throws Error unless
// percent is in (0, 100].
Range percentile_range(const Histogram& h, double percent);
// The magnitude t at which the distribution of |x|, clipped to t, is closest to the same
// distribution in `count` + 1 levels by Kullback-Leibler divergence. The bin of zero counts as much
// as its neighbour, and at most 1 % of the values is clipped: of data with few distinct values
// (images on a plain ground) little else would be left. Migacz, "8-bit inference with TensorRT",
// GTC 2017; otherwise as NVIDIA ModelOpt does it.
Range entropy_range(const Histogram& h, const Steps& steps);
// The range with the least mean squared error of rounding and clipping.
Range mse_range(const Histogram& h, const Steps& steps);

struct CalibrationOptions {
  Calibrator calibrator = Calibrator::best;
  double percent = 99.99;  // of the percentile
};
// By any but `best`.
Range calibrated_range(const Histogram& h, const Steps& steps, const CalibrationOptions& options);

}  // namespace suan::compress
