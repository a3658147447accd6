// Queue: the context of a GPU with the stream on which all work is done in order, a second stream
// for copies beside it, and memory. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "suan/backend/cuda/driver/cuda_api.h"
#include "suan/backend/device.h"

namespace suan::cuda {

// Where allocate() takes memory: the GPU's own, or pages that move between host and GPU.
enum class Memory { plain, managed };

class Queue : public std::enable_shared_from_this<Queue> {
 public:
  Queue(CUdevice device, Memory memory);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // While it lives, the context is current for this thread and no other thread sends work, so that
  // nothing strange gets into a recording. Every use of work() needs one; a thread may nest them.
  using Turn = std::unique_lock<std::recursive_mutex>;
  [[nodiscard]] Turn turn() const;
  // The context alone, for what waits: others may send work meanwhile.
  void make_current() const;
  // Throws Error(kUnsupported) while this thread records. Needs no turn and keeps none.
  void refuse_in_recording(const char* what) const;

  CUstream work() const { return work_; }
  CUstream copies() const { return copies_; }

  CUdeviceptr allocate(size_t bytes);
  // Memory that the copy stream may write at once, whatever work is queued. 0 where there is none.
  CUdeviceptr allocate_staging(size_t bytes);
  // When the work that is queued so far has ended.
  void free(CUdeviceptr p) noexcept;

  void wait();
  std::shared_ptr<void> at_wait(std::function<void()> check);
  void run_checks();  // what every wait ends with

  std::unique_ptr<Recording> record(const std::function<void()>& work);
  double seconds_of(const std::function<void()>& work);

 private:
  CUmemoryPool make_pool(bool for_staging) const;
  CUresult try_allocate(size_t bytes, CUdeviceptr& p);
  CUgraph capture(const std::function<void()>& work);
  CUevent take_event();
  void give_event(CUevent event);
  void release() noexcept;

  CUdevice device_;
  Memory memory_;
  CUcontext context_ = nullptr;
  CUstream work_ = nullptr, copies_ = nullptr;
  CUmemoryPool pool_ = nullptr, staging_pool_ = nullptr;
  CUevent begin_ = nullptr, end_ = nullptr;  // with times
  mutable std::recursive_mutex mutex_;
  bool recording_ = false;
  std::vector<CUdeviceptr> freed_in_recording_;
  std::vector<CUevent> idle_events_;  // without times
  std::mutex checks_mutex_;
  std::vector<std::weak_ptr<std::function<void()>>> checks_;
};

}  // namespace suan::cuda
