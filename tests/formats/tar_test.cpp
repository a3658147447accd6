// Tar archives: the files in them, long names, and damage.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/tar.h"

#include <gtest/gtest.h>

#include "suan/base/file.h"
#include "tests/expect_error.h"
#include "tests/tar_of.h"

namespace suan::formats {
namespace {

TEST(Tar, ListsRegularFilesWithTheirBytes) {
  const std::string tar = tar_entry("dir/", "", '5') + tar_entry("dir/a", "hello") +
                          tar_entry("link", "", '2') + tar_entry("b", std::string(512, 'x')) +
                          tar_end();
  const auto entries = tar_entries(bytes_of(tar), "x.tar");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "dir/a");
  EXPECT_EQ(entries[0].data.size(), 5u);
  EXPECT_EQ(entries[1].data[511], 'x');
}

TEST(Tar, ReadsGnuAndPaxLongNames) {
  const std::string name(200, 'n');
  const std::string tar = tar_entry("././@LongLink", name, 'L') + tar_entry("short", "1") +
                          tar_entry("pax", "12 size=3\n11 path=p/q\n", 'x') + tar_entry("s", "2") +
                          tar_entry("plain", "3");
  const auto entries = tar_entries(bytes_of(tar), "x.tar");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, name);
  EXPECT_EQ(entries[1].name, "p/q");
  EXPECT_EQ(entries[2].name, "plain");
}

TEST(Tar, RefusesTruncatedDamagedAndForeignBytes) {
  const std::string tar = tar_entry("a", std::string(600, 'x'));
  EXPECT_ERROR(tar_entries(bytes_of(tar.substr(0, 1000)), "x.tar"), kBadFile,
               "x.tar: is truncated: a tar entry at byte 512 needs 600 bytes, 488 are left");
  EXPECT_ERROR(tar_entries(bytes_of(tar.substr(0, 100)), "x.tar"), kBadFile,
               "x.tar: is truncated: a tar header at byte 0 needs 512 bytes, 100 are left");
  std::string bad = tar;
  bad[0] = 'b';
  EXPECT_ERROR(tar_entries(bytes_of(bad), "x.tar"), kBadFile,
               "x.tar: is no tar archive, or is damaged at byte 0");
  EXPECT_ERROR(tar_entries(bytes_of(std::string(512, 'z')), "x.tar"), kBadFile,
               "x.tar: has a damaged tar header");
}

}  // namespace
}  // namespace suan::formats
