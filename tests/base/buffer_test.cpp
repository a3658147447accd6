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

BufferPtr number(int value) { return Buffer::copy_of(&value, sizeof value); }
BufferPtr sum_of(const Buffer::Inputs& inputs) {
  int sum = 0;
  for (const BufferPtr& input : inputs) sum = (sum + *input->as<int>()) % 1'000'007;
  return number(sum);
}

TEST(Buffer, IsMadeOfAChainOfOthersOfAnyLength) {
  BufferPtr last = number(0), one = number(1);
  for (int i = 0; i < 100'000; ++i) last = Buffer::deferred(sizeof(int), {last, one}, sum_of);
  EXPECT_EQ(*Buffer::once(last)->as<int>(), 100'000);
  EXPECT_FALSE(last->is_made());
  EXPECT_EQ(*last->as<int>(), 100'000);
  EXPECT_TRUE(last->is_made());
  EXPECT_EQ(one.use_count(), 100'001);
  last.reset();  // the stack is not as deep either
  EXPECT_EQ(one.use_count(), 1);
}

// Without sharing, the second half would take 2^60 steps.
TEST(Buffer, IsMadeOfEachOtherOnce) {
  int fills = 0;
  const auto counted = [&](const Buffer::Inputs& inputs) {
    ++fills;
    return sum_of(inputs);
  };
  BufferPtr block = number(1);
  for (int i = 0; i < 60; ++i) block = Buffer::deferred(sizeof(int), {block, block}, counted);
  int want = 1;
  for (int i = 0; i < 60; ++i) want = want * 2 % 1'000'007;
  EXPECT_EQ(*block->as<int>(), want);
  EXPECT_EQ(fills, 60);
}

// What is made on the way goes as soon as its last reader has it.
TEST(Buffer, KeepsNoneOfTheOthersThatItIsMadeOf) {
  constexpr size_t kBytes = 1000;
  BufferPtr block = Buffer::allocate(kBytes);
  for (int i = 0; i < 100; ++i) {
    block = Buffer::deferred(kBytes, {block}, [](const auto&) { return Buffer::allocate(kBytes); });
  }
  const MemoryLimit limit(3 * kBytes);
  EXPECT_EQ(Buffer::once(block)->bytes(), kBytes);
}

}  // namespace
}  // namespace suan
