// Singular values and vectors of matrices of every form.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/svd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "suan/base/random.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

std::vector<double> random_matrix(int64_t rows, int64_t columns, uint64_t seed) {
  Random random(seed);
  std::vector<double> a(static_cast<size_t>(rows * columns));
  for (double& x : a) x = random.normal();
  return a;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b,
                            int64_t rows, int64_t inner, int64_t columns) {
  std::vector<double> out(static_cast<size_t>(rows * columns), 0);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        out[static_cast<size_t>(i * columns + j)] +=
            a[static_cast<size_t>(i * inner + k)] * b[static_cast<size_t>(k * columns + j)];
      }
    }
  }
  return out;
}

// The sum of the first `rank` parts.
std::vector<double> rebuilt(const Svd& d, int64_t rank) {
  std::vector<double> out(static_cast<size_t>(d.rows * d.columns), 0);
  for (int64_t i = 0; i < rank; ++i) {
    for (int64_t r = 0; r < d.rows; ++r) {
      for (int64_t c = 0; c < d.columns; ++c) {
        out[static_cast<size_t>(r * d.columns + c)] += d.s[static_cast<size_t>(i)] *
                                                       d.u[static_cast<size_t>(i * d.rows + r)] *
                                                       d.v[static_cast<size_t>(i * d.columns + c)];
      }
    }
  }
  return out;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

// Of the vectors that belong to values above 0.
void expect_orthonormal(const std::vector<double>& vectors, int64_t length, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      double dot = 0;
      for (int64_t k = 0; k < length; ++k) {
        dot += vectors[static_cast<size_t>(i * length + k)] *
               vectors[static_cast<size_t>(j * length + k)];
      }
      EXPECT_NEAR(dot, i == j ? 1 : 0, 1e-12) << i << " " << j;
    }
  }
}

TEST(Svd, RebuildsMatricesOfAnyForm) {
  for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {1, 7}, {7, 1}, {12, 12}, {50, 6}, {6, 50}, {33, 32}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << columns);
    const auto a = random_matrix(rows, columns, 7);
    const Svd d = svd(a, rows, columns);
    ASSERT_EQ(d.rank(), std::min(rows, columns));
    EXPECT_TRUE(std::is_sorted(d.s.rbegin(), d.s.rend()));
    EXPECT_LT(distance(rebuilt(d, d.rank()), a), 1e-12);
    expect_orthonormal(d.u, rows, d.rank());
    expect_orthonormal(d.v, columns, d.rank());
  }
}

TEST(Svd, FindsKnownValues) {
  // a^T a = [[25, 20], [20, 25]], whose eigenvalues are 45 and 5.
  const Svd d = svd(std::vector<double>{3, 0, 4, 5}, 2, 2);
  EXPECT_NEAR(d.s[0], std::sqrt(45), 1e-13);
  EXPECT_NEAR(d.s[1], std::sqrt(5), 1e-13);
}

TEST(Svd, WhatALowerRankLosesIsTheTailOfTheValues) {
  const auto a = random_matrix(20, 9, 3);
  const Svd d = svd(a, 20, 9);
  for (int64_t rank = 0; rank <= 9; ++rank) {
    double tail = 0;
    for (int64_t i = rank; i < 9; ++i) tail += std::pow(d.s[static_cast<size_t>(i)], 2);
    EXPECT_NEAR(distance(rebuilt(d, rank), a), std::sqrt(tail), 1e-12) << rank;
  }
}

TEST(Svd, SeesThatTheRankIsNotFull) {
  const auto a = product(random_matrix(15, 4, 1), random_matrix(4, 11, 2), 15, 4, 11);
  const Svd d = svd(a, 15, 11);
  EXPECT_GT(d.s[3], 0.5);
  for (size_t i = 4; i < 11; ++i) EXPECT_LT(d.s[i], 1e-13);
  EXPECT_LT(distance(rebuilt(d, 4), a), 1e-12);
  expect_orthonormal(d.u, 15, 4);
}

TEST(Svd, OfZerosIsZero) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{5, 3}, {3, 5}}) {
    const Svd d = svd(std::vector<double>(15, 0.0), rows, columns);
    EXPECT_EQ(d.s, std::vector<double>(3, 0.0));
    for (const double x : rebuilt(d, 3)) EXPECT_EQ(x, 0);
  }
}

TEST(Svd, KeepsSmallValuesAndLargeOnes) {
  // Columns of lengths 1e200 and 1e-200 whose squares are no f64.
  const Svd large = svd(std::vector<double>{3e200, 0, 0, 1e190}, 2, 2);
  EXPECT_NEAR(large.s[0] / 3e200, 1, 1e-14);
  EXPECT_NEAR(large.s[1] / 1e190, 1, 1e-14);
  const Svd small = svd(std::vector<double>{0, 2e-200, 1e-200, 0}, 2, 2);
  EXPECT_NEAR(small.s[0] / 2e-200, 1, 1e-14);
  EXPECT_NEAR(small.s[1] / 1e-200, 1, 1e-14);
}

TEST(Svd, RefusesWhatIsNoMatrix) {
  EXPECT_ERROR(svd(std::vector<double>(3), 2, 2), kInvalidArgument,
               "svd: got 3 numbers for 2 rows and 2 columns");
  EXPECT_ERROR(svd({}, 0, 2), kInvalidArgument, "svd: got 0 numbers for 0 rows and 2 columns");
  EXPECT_ERROR(svd(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, 1, 2),
               kNumeric, "svd: the matrix holds NaN or infinity");
}

}  // namespace
}  // namespace suan::compress
