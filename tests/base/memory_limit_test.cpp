// What blocks may take together.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/memory_limit.h"

#include <thread>

#include "suan/base/buffer.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

TEST(MemoryLimit, RefusesABlockBeforeItIsAllocated) {
  const MemoryLimit limit(1000);
  const BufferPtr block = Buffer::allocate(600);
  EXPECT_ERROR(Buffer::allocate(401), kUnsupported,
               "memory: 401 bytes beside the 600 that are taken are over the limit of 1000 bytes");
  EXPECT_ERROR(Buffer::allocate(SIZE_MAX), kUnsupported,
               "memory: 18446744073709551615 bytes beside the 600 that are taken are over the "
               "limit of 1000 bytes");
  EXPECT_EQ(Buffer::allocate(400)->bytes(), 400U);
}

TEST(MemoryLimit, CountsWhatLives) {
  const MemoryLimit limit(1000, 300);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Buffer::allocate(700)->bytes(), 700U);
  BufferPtr block = Buffer::allocate(700);
  EXPECT_THROW(Buffer::allocate(1), Error);
  std::thread([&] { block.reset(); }).join();  // somebody else lets go of it
  EXPECT_EQ(Buffer::allocate(700)->bytes(), 700U);
}

TEST(MemoryLimit, CountsADeferredBlockWhenItIsMade) {
  const BufferPtr late = Buffer::deferred(800, [] { return Buffer::allocate(800); });
  const MemoryLimit limit(1000);
  const BufferPtr block = Buffer::allocate(300);
  EXPECT_FALSE(late->is_made());
  EXPECT_THROW(late->data(), Error);
  EXPECT_FALSE(late->is_made());
}

TEST(MemoryLimit, EndsWithItsScope) {
  BufferPtr kept;
  {
    const MemoryLimit limit(1000);
    kept = Buffer::allocate(1000);
    {
      const MemoryLimit other(2000);
      EXPECT_EQ(Buffer::allocate(2000)->bytes(), 2000U);
    }
    EXPECT_THROW(Buffer::allocate(1), Error);
    std::thread([] { EXPECT_EQ(Buffer::allocate(5000)->bytes(), 5000U); }).join();
  }
  EXPECT_EQ(Buffer::allocate(5000)->bytes(), 5000U);
}

TEST(MemoryLimit, IsByDefaultAShareOfWhatThereIs) {
  EXPECT_GT(default_memory_limit(), size_t{64} << 20);
  EXPECT_LT(default_memory_limit(), size_t{1} << 50);
}

}  // namespace
}  // namespace suan
