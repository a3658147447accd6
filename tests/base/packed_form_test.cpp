// Packed forms: their text, their bounds, and unpacking against places counted by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/packed_form.h"

#include <gtest/gtest.h>

#include <numeric>

namespace suan {
namespace {

// 3x5 from plain rows to blocks of 2x4 (rows padded to 4, columns to 8), rows innermost.
const PackedForm kBlocks{.element_size = 4,
                         .dims = {3, 5},
                         .plain_strides = {5, 1},
                         .strides = {16, 8},
                         .blocks = {{4, 1}, {2, 0}}};

TEST(PackedForm, HasATextThatReadsBack) {
  const std::string text = to_text(kBlocks);
  EXPECT_EQ(text, "4 bytes, 3x5 from 5x1 to 16x8, blocks 4:1 2:0");
  EXPECT_EQ(parse_packed_form(text), kBlocks);
}

TEST(PackedForm, Unpacks) {
  std::vector<uint32_t> packed(32, 999), plain(15), expected(15);
  std::iota(expected.begin(), expected.end(), 0u);
  for (uint32_t i = 0; i < 3; ++i) {
    for (uint32_t j = 0; j < 5; ++j) packed[i / 2 * 16 + j / 4 * 8 + j % 4 * 2 + i % 2] = i * 5 + j;
  }
  ASSERT_TRUE(fits(kBlocks, 32 * 4, 15 * 4));
  unpack(kBlocks, packed.data(), plain.data());
  EXPECT_EQ(plain, expected);
}

TEST(PackedForm, UnpacksATransposedSource) {
  const PackedForm form{
      .element_size = 2, .dims = {2, 3}, .plain_strides = {1, 2}, .strides = {3, 1}};
  const std::vector<uint16_t> packed{0, 1, 2, 3, 4, 5};
  std::vector<uint16_t> plain(6);
  unpack(form, packed.data(), plain.data());
  EXPECT_EQ(plain, (std::vector<uint16_t>{0, 3, 1, 4, 2, 5}));
}

TEST(PackedForm, KnowsWhatFits) {
  EXPECT_FALSE(fits(kBlocks, 24 * 4, 15 * 4));  // element (2, 4) is number 24
  EXPECT_TRUE(fits(kBlocks, 25 * 4, 15 * 4));
  EXPECT_FALSE(fits(kBlocks, 32 * 4, 14 * 4));
}

TEST(PackedForm, RefusesTextsThatAreNone) {
  for (const char* text :
       {"", "4 bytes", "3 bytes, 2 from 1 to 1, blocks", "4 bytes, 2x2 from 1 to 1, blocks",
        "4 bytes, 2 from 1 to 1, blocks 0:0", "4 bytes, 2 from 1 to 1, blocks 2:1",
        "4 bytes, 0 from 1 to 1, blocks", "4 bytes, 2 from 1 to -1, blocks",
        "4 bytes, 2 from 1 to 1, blocks 2:0 ", "4 bytes, 2 from 1 to 1099511627777, blocks",
        "4 bytes, 1048576x1048577 from 1x1 to 1x1, blocks",
        "4 bytes, 1048577 from 1 to 1048577, blocks", "4 bytes, 2 from 1 to 1, blocks x"}) {
    EXPECT_FALSE(parse_packed_form(text)) << text;
  }
}

}  // namespace
}  // namespace suan
