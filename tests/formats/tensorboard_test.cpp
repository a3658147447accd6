// Event files: known checksums, exact bytes of a scalar, and everything written is read back.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/tensorboard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "suan/base/file.h"
#include "suan/formats/image.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

TEST(Tensorboard, Crc32cGivesThePublishedAnswers) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // RFC 3720 and every catalogue
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(masked_crc32c("123456789"), 0xc78ab0e5u);
}

TEST(Tensorboard, AScalarHasTheBytesOfItsMessage) {
  const TempFolder folder;
  EventWriter writer(folder.path());
  writer.scalar("loss", 300, 1.5);
  writer.flush();
  const std::string text = read_file(writer.path());
  // field 2 (step) = 300; field 5 (summary) { field 1 (value) { 1: "loss", 2: 1.5f } }
  const std::string tail(
      "\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04"
      "loss\x15\x00\x00\xc0\x3f",
      18);
  EXPECT_EQ(text.substr(text.size() - 4 - tail.size(), tail.size()), tail);
}

TEST(Tensorboard, ReadsBackEveryKind) {
  const TempFolder folder;
  EventWriter writer(folder / "a/b");
  std::vector<float> values(1000);
  std::iota(values.begin(), values.end(), -500.f);
  values.push_back(NAN);
  Array image(DType::u8, {2, 3, 3});
  std::fill_n(image.as<uint8_t>(), 18, uint8_t{9});
  writer.scalar("loss", 1, 0.25);
  writer.histogram("w", 2, values);
  writer.image("i", 3, image);
  writer.text("t", -4, "# *hello*");
  writer.histogram("none", 5, {});
  writer.flush();
  const std::vector<Event> events = read_events(writer.path());
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].tag, "loss");
  EXPECT_EQ(events[0].scalar, 0.25);
  EXPECT_GT(events[0].wall_time, 1.6e9);
  EXPECT_EQ(events[1].kind, Event::Kind::histogram);
  EXPECT_EQ(events[1].count, 1000);
  EXPECT_EQ(events[1].min, -500);
  EXPECT_EQ(events[1].max, 499);
  EXPECT_EQ(std::accumulate(events[1].buckets.begin(), events[1].buckets.end(), 0.0), 1000);
  EXPECT_EQ(events[1].buckets.size(), events[1].bucket_limits.size());
  EXPECT_EQ(decode_image(bytes_of(events[2].text), "i").shape, (Shape{2, 3, 3}));
  EXPECT_EQ(events[3].text, "# *hello*");
  EXPECT_EQ(events[3].step, -4);
  EXPECT_EQ(events[4].count, 0);
}

TEST(Tensorboard, LeavesOutARecordCutShortAndNamesDamage) {
  const TempFolder folder;
  EventWriter writer(folder.path());
  for (int i = 0; i < 3; ++i) writer.scalar("loss", i, i);
  writer.flush();
  const std::string text = read_file(writer.path());
  EXPECT_EQ(read_events(folder.file("cut", text.substr(0, text.size() - 1))).size(), 2u);
  std::string bad = text;
  bad[bad.size() - 10] ^= 1;
  const std::string path = folder.file("bad", bad);
  EXPECT_ERROR(read_events(path), kBadFile,
               path + ": has a wrong checksum in the record at byte 124");
  std::string length = text;
  length[1] ^= 1;
  EXPECT_ERROR(read_events(folder.file("bad", length)), kBadFile,
               path + ": has a wrong checksum in the record at byte 0");
}

TEST(Tensorboard, NamesAFolderItCannotMake) {
  const TempFolder folder;
  const std::string path = folder.file("file", "");
  try {
    EventWriter writer(path + "/run");
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).ends_with(": could not create it: Not a directory"));
  }
}

}  // namespace
}  // namespace suan::formats
