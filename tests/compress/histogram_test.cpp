// Counting values whose range is not known.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/histogram.h"

#include <gtest/gtest.h>

#include <numeric>

namespace suan::compress {
namespace {

double sum(const std::vector<double>& bins) {
  return std::accumulate(bins.begin(), bins.end(), 0.0);
}

TEST(Histogram, MergesBinsUntilALargerValueFits) {
  Histogram h;
  h.add(std::vector<float>{0.0f, 0.25f, 1.0f});
  EXPECT_EQ(h.width(), 1.0 / Histogram::kBins);
  EXPECT_EQ(h.positive()[512], 1);
  h.add(std::vector<float>{-3.0f});
  EXPECT_EQ(h.width(), 4.0 / Histogram::kBins);
  EXPECT_EQ(h.positive()[0], 1);
  EXPECT_EQ(h.positive()[128], 1);   // 0.25
  EXPECT_EQ(h.positive()[511], 1);   // 1.0 was in the last bin
  EXPECT_EQ(h.negative()[1536], 1);  // -3
  EXPECT_EQ(h.min(), -3);
  EXPECT_EQ(h.max(), 1);
  EXPECT_EQ(h.count(), 4);
  EXPECT_EQ(sum(h.absolute()), 4);
}

TEST(Histogram, BeginsWithZerosAlone) {
  Histogram h;
  h.add(std::vector<float>(5, 0.0f));
  EXPECT_EQ(h.width(), 0);
  h.add(std::vector<float>{2.0f});
  EXPECT_EQ(h.positive()[0], 5);
  EXPECT_EQ(h.positive()[Histogram::kBins - 1], 1);
}

TEST(Histogram, AddsUpHistogramsOfDifferentWidths) {
  Histogram narrow, wide;
  narrow.add(std::vector<float>{0.5f, -1.0f});
  wide.add(std::vector<float>{8.0f, 0.0f});
  narrow.add(wide);
  EXPECT_EQ(narrow.count(), 4);
  EXPECT_EQ(narrow.min(), -1);
  EXPECT_EQ(narrow.max(), 8);
  EXPECT_EQ(narrow.width(), 8.0 / Histogram::kBins);
  EXPECT_EQ(sum(narrow.positive()), 3);
  EXPECT_EQ(sum(narrow.negative()), 1);
}

}  // namespace
}  // namespace suan::compress
