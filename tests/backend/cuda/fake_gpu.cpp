// What libsuan_cuda.so does in which order, on fake_driver.cpp. A program of its own, started by
// driver_test.cpp, since a process opens one driver.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <optional>
#include <thread>
#include <tuple>

#include "suan/backend/cuda/kernels/fill_params.h"
#include "suan/backend/cuda/open.h"
#include "suan/backend/cuda/prelude.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::cuda {
namespace {

class FakeGpu : public testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    gpu_ = open_gpu(0, Memory::plain, why_not);
    ASSERT_TRUE(gpu_) << why_not;
  }
  void fill(const DeviceBlockPtr& block, size_t bytes, uint32_t value) const {
    const FillParams params{block->address(), static_cast<int64_t>(bytes / 4), value};
    gpu_->launch(gpu_->own("fill_b4"), {}, &params, sizeof(params));
  }
  // Whether all words of the block are `value`.
  static bool holds(const DeviceBlockPtr& block, size_t bytes, uint32_t value) {
    std::vector<uint32_t> words(bytes / 4);
    block->download(words.data(), bytes);
    return std::all_of(words.begin(), words.end(), [&](uint32_t w) { return w == value; });
  }
  std::shared_ptr<Gpu> gpu_;
};
class FakeGpuFault : public FakeGpu {};
class FakeGpuRefusal : public FakeGpu {};

constexpr size_t kSizes[] = {4, 1 << 10, 1 << 20, 20 << 20, 70 << 20};

TEST_F(FakeGpu, is_described) {
  EXPECT_EQ(gpu_->name(), "cuda:0 (Fake GPU)");
  EXPECT_EQ(gpu_->traits().architecture, 90);
  EXPECT_EQ(gpu_->traits().memory_bytes, size_t{512} << 20);
  EXPECT_EQ(gpu_->traits().bus, "0000:1B:00.0");
}

TEST_F(FakeGpu, uploads_in_order_with_work) {
  for (const size_t bytes : kSizes) {
    const DeviceBlockPtr block = gpu_->allocate(bytes), before = gpu_->allocate(bytes);
    std::vector<uint32_t> host(bytes / 4, 2);
    fill(block, bytes, 1);
    gpu_->copy(before->address(), block->address(), bytes);  // reads what the upload overwrites
    gpu_->upload(block->address(), host.data(), bytes);
    std::fill(host.begin(), host.end(), 3);  // it may be changed at once
    EXPECT_TRUE(holds(before, bytes, 1)) << bytes;
    EXPECT_TRUE(holds(block, bytes, 2)) << bytes;
  }
}

TEST_F(FakeGpu, uploads_every_byte_in_its_place) {
  for (const size_t bytes : kSizes) {
    std::vector<uint32_t> host(bytes / 4), back(bytes / 4);
    std::iota(host.begin(), host.end(), 5u);
    const DeviceBlockPtr block = gpu_->allocate(bytes);
    gpu_->upload(block->address(), host.data(), bytes);
    gpu_->download(back.data(), block->address(), bytes);
    EXPECT_EQ(host, back);
  }
}

TEST_F(FakeGpu, takes_uploads_from_shared_memory_aside_too) {
  const BufferPtr shared = gpu_->allocate_shared(4);
  const DeviceBlockPtr block = gpu_->allocate(4);
  *shared->as<uint32_t>() = 7;
  gpu_->upload(block->address(), shared->data(), 4);
  *shared->as<uint32_t>() = 8;
  EXPECT_TRUE(holds(block, 4, 7));
}

TEST_F(FakeGpu, writes_shared_memory_that_is_seen_after_a_wait) {
  const BufferPtr shared = gpu_->allocate_shared(4);
  gpu_->clear(shared->data(), 4);
  gpu_->wait();
  EXPECT_EQ(*shared->as<uint32_t>(), 0u);
}

TEST_F(FakeGpu, frees_memory_when_work_on_it_has_ended) {
  const DeviceBlockPtr kept = gpu_->allocate(1 << 20);
  {
    const DeviceBlockPtr block = gpu_->allocate(1 << 20);
    fill(block, 1 << 20, 4);
    gpu_->copy(kept->address(), block->address(), 1 << 20);
  }
  EXPECT_TRUE(holds(kept, 1 << 20, 4));
}

TEST_F(FakeGpu, plays_what_was_recorded) {
  const DeviceBlockPtr a = gpu_->allocate(64), b = gpu_->allocate(64);
  gpu_->clear(a->address(), 64);
  gpu_->clear(b->address(), 64);
  DeviceBlockPtr dropped = gpu_->allocate(64);
  gpu_->own("fill_b4");  // loaded before
  const auto recording = gpu_->record([&] {
    gpu_->copy(b->address(), a->address(), 64);
    fill(a, 64, 9);
    dropped.reset();
  });
  EXPECT_TRUE(holds(a, 64, 0));
  recording->play();
  EXPECT_TRUE(holds(a, 64, 9));
  EXPECT_TRUE(holds(b, 64, 0));
  recording->play();
  EXPECT_TRUE(holds(b, 64, 9));
  EXPECT_GT(gpu_->seconds_of([&] { recording->play(); }), 0);
}

TEST_F(FakeGpu, refuses_what_cannot_be_recorded) {
  const DeviceBlockPtr block = gpu_->allocate(64);
  const auto record = [&](const std::function<void()>& work) { gpu_->record(work); };
  EXPECT_ERROR(record([&] { gpu_->wait(); }), kUnsupported,
               "cuda: waiting is not possible while work is recorded");
  EXPECT_ERROR(record([&] { gpu_->upload(block->address(), "abc", 4); }), kUnsupported,
               "cuda: an upload is not possible while work is recorded");
  EXPECT_ERROR(record([&] { gpu_->allocate(4); }), kUnsupported,
               "cuda: allocating is not possible while work is recorded");
  EXPECT_ERROR(record([&] { fill(block, 64, 6); }), kUnsupported,
               "cuda: loading a kernel is not possible while work is recorded");
  fill(block, 64, 6);  // and then all goes on
  EXPECT_TRUE(holds(block, 64, 6));
}

TEST_F(FakeGpu, threads_move_while_others_record) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (uint32_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      const DeviceBlockPtr block = gpu_->allocate(5 << 20), copy = gpu_->allocate(5 << 20);
      const std::vector<uint32_t> host((5 << 20) / 4, t);
      for (int i = 0; i < 5; ++i) {
        const auto recording =
            gpu_->record([&] { gpu_->copy(copy->address(), block->address(), 5 << 20); });
        gpu_->upload(block->address(), host.data(), 5 << 20);
        recording->play();
        good += holds(copy, 5 << 20, t);
        fill(block, 5 << 20, 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 20);
}

TEST_F(FakeGpu, tells_what_it_did_and_for_which_step) {
  constexpr size_t kBytes = 1 << 20;
  const DeviceBlockPtr a = gpu_->allocate(kBytes), b = gpu_->allocate(kBytes);
  fill(a, kBytes, 1);  // before
  std::string why_not;
  auto timeline = gpu_->timeline(why_not);
  ASSERT_TRUE(timeline) << why_not;
  timeline->take();
  timeline->mark(3);
  fill(a, kBytes, 2);
  timeline->mark(7);
  gpu_->copy(b->address(), a->address(), kBytes);
  gpu_->clear(a->address(), 64);
  timeline->mark(-1);
  gpu_->upload(b->address(), "abc", 4);
  const std::vector<Activity> done = timeline->take();
  const auto is = [&](size_t i, Activity::Kind kind, const char* name, int step, int64_t bytes) {
    const Activity& a = done[i];
    EXPECT_EQ(std::tie(a.kind, a.step, a.bytes), std::tie(kind, step, bytes)) << i;
    EXPECT_EQ(a.name, name);
    EXPECT_GT(a.end, a.begin);
    EXPECT_GE(a.begin, i == 0 ? 0 : done[i - 1].end);
  };
  ASSERT_EQ(done.size(), 4u);
  is(0, Activity::kernel, "fill_b4", 3, 0);
  is(1, Activity::copy, "copy", 7, kBytes);
  is(2, Activity::clear, "clear", 7, 64);
  is(3, Activity::copy, "copy", -1, 4);
  EXPECT_TRUE(timeline->take().empty());
  EXPECT_EQ(gpu_->timeline(why_not), nullptr);
  EXPECT_EQ(why_not, "CUPTI is in use");
  timeline.reset();
  EXPECT_TRUE(gpu_->timeline(why_not)) << why_not;
}

TEST_F(FakeGpu, says_that_cupti_lost_records) {
  std::string why_not;
  const auto timeline = gpu_->timeline(why_not);
  ASSERT_TRUE(timeline) << why_not;
  const DeviceBlockPtr block = gpu_->allocate(64);
  ::setenv("FAKE_CUPTI_DROPPED", "5", 1);
  gpu_->clear(block->address(), 64);
  testing::internal::CaptureStderr();
  EXPECT_EQ(timeline->take().size(), 1u);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("CUPTI lost 5 records"), std::string::npos);
  ::unsetenv("FAKE_CUPTI_DROPPED");
}

TEST_F(FakeGpu, says_how_much_memory_there_is_when_it_is_out) {
  const DeviceBlockPtr taken = gpu_->allocate(500 << 20);
  EXPECT_ERROR(
      gpu_->allocate(100000000), kSystem,
      "cuda: out of memory: 100000000 bytes were asked for, 12582912 of 536870912 are free");
  EXPECT_ERROR(gpu_->own("nonsense"), kSystem, "cuda: there is no kernel nonsense");
}

TEST_F(FakeGpu, keeps_compiled_sources_on_disk) {
  const TempFolder cache;
  ::setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  const std::string source =
      kernel_prelude() + "struct P { float* x; int64_t n, m; }; SUAN_GLOBAL(generated, P) {}";
  Function function = nullptr;
  try {
    function = gpu_->compile(source, "generated");
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnsupported) GTEST_SKIP() << error.what();
    throw;
  }
  EXPECT_EQ(gpu_->compile(source, "generated"), function);
  EXPECT_ERROR(gpu_->compile(source, "other"), kSystem, "cuda: the source has no kernel other");
  const std::filesystem::directory_iterator kept(cache / "suan/cuda"), end;
  ASSERT_NE(kept, end);
  std::string why_not;
  const auto again = open_gpu(0, Memory::plain, why_not);
  write_file_atomically(kept->path(), "no code");  // is compiled again
  EXPECT_TRUE(again->compile(source, "generated"));
  EXPECT_EQ(read_file(kept->path()).substr(1, 3), "ELF");
  const int wrong = 0;
  EXPECT_ERROR(gpu_->launch(function, {}, &wrong, sizeof(wrong)), kSystem,
               "cuda: kernel generated takes 24 bytes of arguments, 4 were given");
}

TEST_F(FakeGpu, takes_managed_memory) {
  std::string why_not;
  gpu_ = open_gpu(0, Memory::managed, why_not);
  ASSERT_TRUE(gpu_) << why_not;
  const DeviceBlockPtr block = gpu_->allocate(1 << 20);
  fill(block, 1 << 20, 3);
  EXPECT_TRUE(holds(block, 1 << 20, 3));
}

TEST_F(FakeGpu, keeps_uploads_under_way_within_bounds) {
  constexpr size_t kBytes = 60 << 20;
  const DeviceBlockPtr block = gpu_->allocate(kBytes);
  for (uint32_t i = 0; i < 20; ++i) {  // 1.2 GB in all, of 512 MB
    gpu_->upload(block->address(), std::vector<uint32_t>(kBytes / 4, i).data(), kBytes);
  }
  EXPECT_TRUE(holds(block, kBytes, 19));
}

TEST(FakeGpuPeers, copy_from_each_other_where_they_may) {
  std::string why_not;
  const auto open = [&](int index, Memory memory) { return open_gpu(index, memory, why_not); };
  const auto one = open(0, Memory::peer), two = open(1, Memory::peer);
  const auto alone = open(1, Memory::plain);
  ASSERT_TRUE(one && two && alone) << why_not;
  constexpr size_t kBytes = 5 << 20;
  const std::vector<uint32_t> host(kBytes / 4, 7);
  const DeviceBlockPtr to = two->allocate(kBytes);
  {
    const DeviceBlockPtr from = one->allocate(kBytes);
    one->upload(from->address(), host.data(), kBytes);
    EXPECT_FALSE(alone->copy_from(*from, to->address(), kBytes));
    EXPECT_TRUE(two->copy_from(*from, to->address(), kBytes));
  }
  std::vector<uint32_t> back(kBytes / 4);
  two->download(back.data(), to->address(), kBytes);
  EXPECT_EQ(back, host);
}

TEST_F(FakeGpuFault, is_thrown_by_the_wait) {
  const DeviceBlockPtr block = gpu_->allocate(64);
  const FillParams params{static_cast<char*>(block->address()) + 4, 16, 0};
  gpu_->launch(gpu_->own("fill_b4"), {}, &params, sizeof(params));
  EXPECT_ERROR(gpu_->wait(), kSystem,
               "cuda: a kernel failed: an illegal memory access was encountered (700); with "
               "CUDA_LAUNCH_BLOCKING=1 its node is named");
  EXPECT_ERROR(gpu_->wait(), kSystem,
               "cuda: a kernel failed: an illegal memory access was encountered (700); with "
               "CUDA_LAUNCH_BLOCKING=1 its node is named");
}

TEST_F(FakeGpuRefusal, is_the_reason_why_there_is_no_timeline) {
  std::string why_not;
  EXPECT_EQ(gpu_->timeline(why_not), nullptr);
  EXPECT_EQ(why_not,
            "cuptiActivityEnable: CUPTI_ERROR_INSUFFICIENT_PRIVILEGES (35): it takes rights "
            "that this user lacks");
}

TEST(FakeGpuReason, is_what_was_expected) {
  const char* expected = std::getenv("FAKE_REASON");
  const char* index = std::getenv("FAKE_INDEX");
  ASSERT_TRUE(expected);
  std::string why_not;
  EXPECT_EQ(open_gpu(index ? std::atoi(index) : 0, Memory::plain, why_not), nullptr);
  EXPECT_EQ(why_not, expected);
}

}  // namespace
}  // namespace suan::cuda
