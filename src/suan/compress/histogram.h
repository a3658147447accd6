// Histogram: how values are distributed around zero, in bins that become wider as larger values
// come, so that nothing needs to be known beforehand and no value is kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace suan::compress {

class Histogram {
 public:
  static constexpr int kBins = 2048;  // on each side of zero

  // Counts the values. Where one lies outside, neighbouring bins merge until it fits.
  void add(std::span<const float> values);
  void add(const Histogram& other);  // the counts of both, to the bin of each bin's lower end
  // Sets how often values lie in the bins of |x|, for x >= 0: the histogram of hand-made counts.
  static Histogram of(double width, std::span<const double> positive,
                      std::span<const double> negative = {});

  double min() const { return min_; }
  double max() const { return max_; }
  double largest() const { return max_ > -min_ ? max_ : -min_; }  // of |x|
  double count() const { return count_; }
  double width() const { return width_; }  // of a bin
  // Counts of x in [i width, (i + 1) width), and of x in (-(i + 1) width, -i width].
  const std::vector<double>& positive() const { return positive_; }
  const std::vector<double>& negative() const { return negative_; }
  std::vector<double> absolute() const;  // of |x|

 private:
  void widen(double largest);
  double width_ = 0;  // 0: only zeros so far
  double min_ = 0, max_ = 0, count_ = 0;
  bool any_ = false;
  std::vector<double> positive_ = std::vector<double>(kBins, 0.0);
  std::vector<double> negative_ = std::vector<double>(kBins, 0.0);
};

}  // namespace suan::compress
