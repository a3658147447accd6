// The four ways to choose a range.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/calibrators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "suan/base/error.h"

namespace suan::compress {
namespace {

// The range of magnitudes up to `t`, no wider than the data.
Range clipped(const Histogram& h, double t) {
  return {std::max(std::min(h.min(), 0.0), -t), std::min(std::max(h.max(), 0.0), t)};
}

// The divergence of the first n bins, with all beyond them in the last one, from themselves in
// `levels` groups of equal width, each spread evenly over its bins that are not empty.
double divergence(const std::vector<double>& bins, size_t n, size_t levels, double total,
                  double beyond) {
  double result = 0, represented = 0;
  std::vector<double> approximate(n, 0.0);
  for (size_t level = 0; level < levels; ++level) {
    const size_t first = (level * n + levels - 1) / levels;
    const size_t last = ((level + 1) * n + levels - 1) / levels;
    double sum = 0;
    int filled = 0;
    for (size_t i = first; i < last; ++i) {
      sum += bins[i];
      filled += bins[i] > 0;
    }
    represented += sum;
    for (size_t i = first; i < last; ++i) {
      if (bins[i] > 0) approximate[i] = sum / filled;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    const double p = (bins[i] + (i + 1 == n ? beyond : 0)) / total;
    const double q = approximate[i] / represented;
    if (p <= 0) continue;
    if (q <= 0) return std::numeric_limits<double>::infinity();
    result += p * std::log(p / q);
  }
  return result;
}

// Squared error of a bin's middle: rounded to a multiple of `step` where it is inside, else
// clipped.
double squared_error(const std::vector<double>& bins, double width, double end, double step) {
  double sum = 0;
  for (size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] == 0) continue;
    const double x = (static_cast<double>(i) + 0.5) * width;
    const double nearest = x >= end ? end : std::min(end, std::nearbyint(x / step) * step);
    sum += bins[i] * (x - nearest) * (x - nearest);
  }
  return sum;
}

}  // namespace

std::span<const std::string_view> enum_names(Calibrator /*calibrator*/) {
  static constexpr std::array<std::string_view, 5> kNames{"minmax", "percentile", "entropy", "mse",
                                                          "best"};
  return kNames;
}

Range min_max_range(const Histogram& h) { return clipped(h, h.largest()); }

Range percentile_range(const Histogram& h, double percent) {
  if (!(percent > 0) || percent > 100) {
    fail("percentile", "is {}, expected more than 0 and at most 100", percent);
  }
  const std::vector<double> bins = h.absolute();
  const double wanted = h.count() * percent / 100;
  double seen = 0;
  for (size_t i = 0; i < bins.size(); ++i) {
    seen += bins[i];
    if (seen >= wanted) return clipped(h, h.width() * static_cast<double>(i + 1));
  }
  return min_max_range(h);
}

Range entropy_range(const Histogram& h, const Steps& steps) {
  constexpr double kMostClipped = 0.01;
  std::vector<double> bins = h.absolute();
  bins[0] = bins[1];                                    // zeros are exact in any range
  const bool shared = !steps.symmetric && h.min() < 0;  // both sides have a part of the steps
  const auto levels = static_cast<size_t>(shared ? steps.count / 2 : steps.count) + 1;
  double total = 0;
  size_t used = 0;
  for (size_t i = 0; i < bins.size(); ++i) {
    total += bins[i];
    if (bins[i] > 0) used = i + 1;
  }
  if (used <= levels) return min_max_range(h);
  double best = std::numeric_limits<double>::infinity(), inside = 0;
  size_t chosen = used;
  for (size_t n = 1; n <= used; ++n) {
    inside += bins[n - 1];
    if (n < levels || total - inside > kMostClipped * total) continue;
    const double d = divergence(bins, n, levels, total, total - inside);
    if (d <= best) {
      best = d;
      chosen = n;
    }
  }
  return clipped(h, h.width() * static_cast<double>(chosen));
}

Range mse_range(const Histogram& h, const Steps& steps) {
  constexpr int kTrials = 128;
  double best = std::numeric_limits<double>::infinity();
  Range chosen = min_max_range(h);
  for (int i = kTrials; i > 0; --i) {
    const Range r = clipped(h, h.largest() * i / kTrials);
    const double end = std::max(r.high, -r.low);
    const double step = (steps.symmetric ? end : r.high - r.low) / steps.count;
    if (step <= 0) break;
    const double error =
        squared_error(h.positive(), h.width(), steps.symmetric ? end : r.high, step) +
        squared_error(h.negative(), h.width(), steps.symmetric ? end : -r.low, step);
    if (error < best) {
      best = error;
      chosen = r;
    }
  }
  return chosen;
}

Range calibrated_range(const Histogram& h, const Steps& steps, const CalibrationOptions& options) {
  if (options.calibrator == Calibrator::minmax) return min_max_range(h);
  if (options.calibrator == Calibrator::percentile) return percentile_range(h, options.percent);
  if (options.calibrator == Calibrator::entropy) return entropy_range(h, steps);
  return mse_range(h, steps);
}

}  // namespace suan::compress
