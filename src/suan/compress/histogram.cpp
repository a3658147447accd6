// Counting values, merging bins.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace suan::compress {
namespace {

void merge_pairs(std::vector<double>& bins) {
  const size_t half = bins.size() / 2;
  for (size_t i = 0; i < half; ++i) bins[i] = bins[2 * i] + bins[2 * i + 1];
  std::fill(bins.begin() + static_cast<std::ptrdiff_t>(half), bins.end(), 0.0);
}

}  // namespace

void Histogram::widen(double largest) {
  if (width_ == 0) {
    // A subnormal width would have no finite inverse.
    width_ = std::max(largest / kBins, double{std::numeric_limits<float>::min()});
  }
  while (width_ * kBins < largest) {
    width_ *= 2;
    merge_pairs(positive_);
    merge_pairs(negative_);
  }
}

void Histogram::add(std::span<const float> values) {
  if (values.empty()) return;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  min_ = any_ ? std::min<double>(min_, *least) : *least;
  max_ = any_ ? std::max<double>(max_, *most) : *most;
  any_ = true;
  count_ += static_cast<double>(values.size());
  const double largest = std::max(std::abs(min_), std::abs(max_));
  if (largest == 0) {
    positive_[0] += static_cast<double>(values.size());
    return;
  }
  widen(largest);
  const double inverse = 1 / width_;
  for (const float v : values) {
    const double at = std::abs(static_cast<double>(v)) * inverse;
    const int bin = std::min(static_cast<int>(at), kBins - 1);
    (v < 0 ? negative_ : positive_)[static_cast<size_t>(bin)] += 1;
  }
}

void Histogram::add(const Histogram& other) {
  if (!other.any_) return;
  min_ = any_ ? std::min(min_, other.min_) : other.min_;
  max_ = any_ ? std::max(max_, other.max_) : other.max_;
  any_ = true;
  count_ += other.count_;
  if (largest() > 0) widen(largest());
  const auto move = [&](const std::vector<double>& from, std::vector<double>& to) {
    for (size_t i = 0; i < from.size(); ++i) {
      const double at = width_ > 0 ? static_cast<double>(i) * other.width_ / width_ : 0;
      to[std::min(static_cast<size_t>(at), to.size() - 1)] += from[i];
    }
  };
  move(other.positive_, positive_);
  move(other.negative_, negative_);
}

Histogram Histogram::of(double width, std::span<const double> positive,
                        std::span<const double> negative) {
  Histogram h;
  h.width_ = width;
  h.any_ = true;
  const auto take = [&](std::span<const double> from, std::vector<double>& to, double& end,
                        double sign) {
    for (size_t i = 0; i < from.size(); ++i) {
      to[i] = from[i];
      h.count_ += from[i];
      if (from[i] > 0) end = sign * width * static_cast<double>(i + 1);
    }
  };
  take(positive, h.positive_, h.max_, 1);
  take(negative, h.negative_, h.min_, -1);
  return h;
}

std::vector<double> Histogram::absolute() const {
  std::vector<double> sum = positive_;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += negative_[i];
  return sum;
}

}  // namespace suan::compress
