// Buffers whose memory comes late.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/buffer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace suan {
namespace {

TEST(Buffer, IsFilledOnceAndOnlyWhenItsDataIsWanted) {
  std::atomic<int> fills{0};
  const BufferPtr buffer = Buffer::deferred(4, [&] {
    ++fills;
    return Buffer::copy_of("abc", 4);
  });
  EXPECT_EQ(buffer->bytes(), 4);
  EXPECT_EQ(fills, 0);
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] { EXPECT_STREQ(buffer->as<char>(), "abc"); });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(fills, 1);
}

TEST(Buffer, IsMadeForWhoWantsItOnceAndNotKept) {
  int fills = 0;
  const BufferPtr buffer = Buffer::deferred(4, [&] {
    ++fills;
    return Buffer::copy_of("abc", 4);
  });
  EXPECT_STREQ(Buffer::once(buffer)->as<char>(), "abc");
  EXPECT_STREQ(Buffer::once(buffer)->as<char>(), "abc");
  EXPECT_EQ(fills, 2);
  buffer->data();  // from now on it is there
  EXPECT_EQ(Buffer::once(buffer), buffer);
  EXPECT_EQ(fills, 3);
}

}  // namespace
}  // namespace suan
