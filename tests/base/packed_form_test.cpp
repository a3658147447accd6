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

// Columns of 4 bits, two of them in a byte: -8 to 7 as 0 to 15.
TEST(PackedForm, UnpacksHalvesOfBytes) {
  const PackedForm form{.element_size = 1,
                        .half = true,
                        .plus = 8,
                        .dims = {2, 3},
                        .plain_strides = {3, 1},
                        .strides = {1, 2}};
  EXPECT_EQ(to_text(form), "4 bits plus 8, 2x3 from 3x1 to 1x2, blocks");
  EXPECT_EQ(parse_packed_form(to_text(form)), form);
  const std::vector<uint8_t> packed{0xf0, 0x87, 0x1a};
  std::vector<int8_t> plain(6);
  ASSERT_TRUE(fits(form, 3, 6));
  EXPECT_FALSE(fits(form, 2, 6));
  unpack(form, packed.data(), plain.data());
  EXPECT_EQ(plain, (std::vector<int8_t>{-8, -1, 2, 7, 0, -7}));
  PackedForm without = form;
  without.plus = 0;
  EXPECT_EQ(parse_packed_form(to_text(without)), without);
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
        "4 bytes, 1048577 from 1 to 1048577, blocks", "4 bytes, 2 from 1 to 1, blocks x",
        "2 bits, 2 from 1 to 1, blocks", "4 bits plus 7, 2 from 1 to 1, blocks",
        "4 bytes plus 8, 2 from 1 to 1, blocks", "4 bits 2 from 1 to 1, blocks"}) {
    EXPECT_FALSE(parse_packed_form(text)) << text;
  }
}

}  // namespace
}  // namespace suan
