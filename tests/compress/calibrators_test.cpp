// Ranges of histograms made by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/calibrators.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/expect_error.h"

namespace suan::compress {
namespace {

// Counts of a normal distribution of |x| with this many bins to one sigma, and one value far out.
std::vector<double> normal_bins(double bins_per_sigma, double outlier = 1) {
  std::vector<double> bins(Histogram::kBins, 0.0);
  for (size_t i = 0; i < bins.size(); ++i) {
    const double x = (static_cast<double>(i) + 0.5) / bins_per_sigma;
    bins[i] = std::floor(1e5 * std::exp(-x * x / 2));
  }
  bins.back() += outlier;
  return bins;
}

TEST(Calibrators, MinMaxCoversEverything) {
  const Range r =
      min_max_range(Histogram::of(0.5, std::vector<double>{1, 0, 2}, std::vector<double>{0, 7}));
  EXPECT_EQ(r.low, -1);
  EXPECT_EQ(r.high, 1.5);
}

TEST(Calibrators, PercentileLeavesOutTheLargest) {
  std::vector<double> bins(1000, 1.0);
  const Histogram h = Histogram::of(1, bins);
  EXPECT_EQ(percentile_range(h, 90).high, 900);
  EXPECT_EQ(percentile_range(h, 99.9).high, 999);
  EXPECT_EQ(percentile_range(h, 100).high, 1000);
  EXPECT_EQ(percentile_range(h, 90).low, 0);
}

TEST(Calibrators, PercentileRefusesOthers) {
  const Histogram h = Histogram::of(1, std::vector<double>{1});
  EXPECT_ERROR(percentile_range(h, 0), kInvalidArgument,
               "percentile: is 0, expected more than 0 and at most 100");
  EXPECT_ERROR(percentile_range(h, 101), kInvalidArgument,
               "percentile: is 101, expected more than 0 and at most 100");
}

TEST(Calibrators, EntropyClipsALongTail) {
  const Histogram h = Histogram::of(0.01, normal_bins(100));  // sigma 1, an outlier at 20.48
  const Range r = entropy_range(h, {});
  EXPECT_GT(r.high, 2.5);
  EXPECT_LT(r.high, 6);
}

TEST(Calibrators, EntropyKeepsWhatIsEvenlySpread) {
  const Histogram h = Histogram::of(1, std::vector<double>(Histogram::kBins, 3.0));
  EXPECT_EQ(entropy_range(h, {}).high, Histogram::kBins);
}

TEST(Calibrators, EntropyIsBlindToZeros) {
  std::vector<double> bins = normal_bins(100);
  const double without = entropy_range(Histogram::of(0.01, bins), {}).high;
  bins[0] += 1e9;  // what ReLU gives
  EXPECT_EQ(entropy_range(Histogram::of(0.01, bins), {}).high, without);
}

// Most pixels of a digit are the ground, a few are ink: these must not be clipped.
TEST(Calibrators, EntropyClipsOneInAHundredAtMost) {
  std::vector<double> bins(Histogram::kBins, 1.0);
  for (size_t i = 280; i < 300; ++i) bins[i] = 1e6;
  bins[1900] = 3e6;
  EXPECT_GT(entropy_range(Histogram::of(1, bins), {}).high, 1900);
}

TEST(Calibrators, EntropyTakesFewValuesWhole) {
  const Histogram h = Histogram::of(1, std::vector<double>(100, 1.0));  // fewer bins than levels
  EXPECT_EQ(entropy_range(h, {}).high, 100);
}

// For 255 steps of a normal distribution the best clipping is near 4 sigma.
TEST(Calibrators, LeastSquaresClipsWhereItsErrorIsLeast) {
  const Histogram h = Histogram::of(0.01, normal_bins(100), normal_bins(100));
  const Range r = mse_range(h, {});
  EXPECT_NEAR(r.high, 4, 0.5);
  EXPECT_EQ(r.low, -r.high);
}

TEST(Calibrators, LeastSquaresLetsTheShorterSideBe) {
  std::vector<double> few(10, 1e5);
  const Range r =
      mse_range(Histogram::of(0.01, normal_bins(100), few), {.count = 255, .symmetric = false});
  EXPECT_DOUBLE_EQ(r.low, -0.1);
  EXPECT_LT(r.high, 8);
}

TEST(Calibrators, AreChosenByName) {
  const Histogram h = Histogram::of(0.01, normal_bins(100));
  const auto high = [&](Calibrator c) { return calibrated_range(h, {}, {.calibrator = c}).high; };
  EXPECT_EQ(high(Calibrator::minmax), min_max_range(h).high);
  EXPECT_EQ(high(Calibrator::percentile), percentile_range(h, 99.99).high);
  EXPECT_EQ(high(Calibrator::entropy), entropy_range(h, {}).high);
  EXPECT_EQ(high(Calibrator::mse), mse_range(h, {}).high);
  EXPECT_EQ(enum_names(Calibrator::mse)[static_cast<size_t>(Calibrator::mse)], "mse");
}

}  // namespace
}  // namespace suan::compress
