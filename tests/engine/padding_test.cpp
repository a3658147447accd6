// Buckets, the text of pad rules, copying corners.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/padding.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/expect_error.h"

namespace suan {
namespace {

TEST(Padding, BucketsAreExactToEightAndThenFourForEachPowerOfTwo) {
  for (int64_t size = 0; size <= 8; ++size) EXPECT_EQ(bucket_of(size), size);
  std::vector<int64_t> buckets;
  for (int64_t size = 9; size <= 128; ++size) {
    const int64_t bucket = bucket_of(size);
    ASSERT_GE(bucket, size);
    ASSERT_LT(bucket * 4, size * 5);  // less than a quarter is padding
    if (buckets.empty() || buckets.back() != bucket) buckets.push_back(bucket);
  }
  EXPECT_EQ(buckets, (std::vector<int64_t>{10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96,
                                           112, 128}));
}

TEST(Padding, RulesAreReadFromText) {
  const PadRule rule = parse_pad_rule("seq=attention_mask:128");
  EXPECT_EQ(rule.symbols, (std::vector<std::string>{"seq"}));
  EXPECT_EQ(rule.mask, "attention_mask");
  EXPECT_EQ(rule.bound, 128);
  const PadRule batch = parse_pad_rule("batch:32");
  EXPECT_EQ(batch.symbols, (std::vector<std::string>{"batch"}));
  EXPECT_EQ(batch.mask, "");
  EXPECT_EQ(batch.bound, 32);
  const PadRule two = parse_pad_rule("ids_1+mask_1=mask");
  EXPECT_EQ(two.symbols, (std::vector<std::string>{"ids_1", "mask_1"}));
  EXPECT_EQ(two.bound, 0);
}

TEST(Padding, RulesThatAreNoneAreRefused) {
  for (const char* text : {"", "=mask", "seq=", "a+=mask", "seq=:4"}) {
    EXPECT_ERROR(
        parse_pad_rule(text), kInvalidArgument,
        fmt::format("--pad: got '{}', expected SYMBOL, SYMBOL=MASK or SYMBOL=MASK:BOUND", text));
  }
  EXPECT_ERROR(parse_pad_rule("seq=mask:x"), kInvalidArgument,
               "--pad: 'seq=mask:x' has the bound 'x', expected a number from 1 on");
  EXPECT_ERROR(parse_pad_rule("seq:0"), kInvalidArgument,
               "--pad: 'seq:0' has the bound '0', expected a number from 1 on");
}

// Copies the numbers 0, 1, 2... of one shape into another, filled with -1.
std::vector<int> copied(const Shape& from, const Shape& to) {
  std::vector<int> a(static_cast<size_t>(from.numel())), b(static_cast<size_t>(to.numel()), -1);
  std::iota(a.begin(), a.end(), 0);
  copy_corner(a.data(), from, b.data(), to, sizeof(int));
  return b;
}

TEST(Padding, CornersAreCopiedBothWays) {
  EXPECT_EQ(copied({2, 2}, {3, 3}), (std::vector<int>{0, 1, -1, 2, 3, -1, -1, -1, -1}));
  EXPECT_EQ(copied({3, 3}, {2, 2}), (std::vector<int>{0, 1, 3, 4}));
  EXPECT_EQ(copied({2, 2}, {3, 2}), (std::vector<int>{0, 1, 2, 3, -1, -1}));
  EXPECT_EQ(copied({2, 1, 2}, {2, 2, 2}), (std::vector<int>{0, 1, -1, -1, 2, 3, -1, -1}));
  EXPECT_EQ(copied({2, 3}, {2, 3}), (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(copied({}, {}), (std::vector<int>{0}));
  EXPECT_EQ(copied({0, 2}, {1, 2}), (std::vector<int>{-1, -1}));
  EXPECT_EQ(copied({0, 2}, {1, 3}), (std::vector<int>{-1, -1, -1}));
}

}  // namespace
}  // namespace suan
