// Queue: the context of a GPU with the stream on which all work is done in order, a second stream
// for copies beside it, and memory. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "suan/backend/cuda/driver/cuda_api.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

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
  // Memory that the copy stream may write at once, whatever work is queued, until free_staging(). 0
  // where there is none. Waits while there is much of it.
  CUdeviceptr allocate_staging(size_t bytes);
  void free_staging(CUdeviceptr p, size_t bytes);
  void trim() noexcept;  // gives memory that nobody uses back, after all work
  // When the work that is queued so far has ended.
  void free(CUdeviceptr p) noexcept;

  // From memory of another GPU, after its work so far. False: one of the two cannot reach the
  // other.
  bool copy_from(Queue& other, CUdeviceptr to, CUdeviceptr from, size_t bytes);

  void wait();

  std::unique_ptr<Recording> record(const std::function<void()>& work);
  double seconds_of(const std::function<void()>& work);

 private:
  CUmemoryPool make_pool(bool for_staging) const;
  void let_others_reach(CUmemoryPool pool) const;
  bool reaches(const Queue& other) const;
  void follow(Queue& other);  // what comes here now waits for what is there
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
  struct Staged {
    CUevent freed;
    size_t bytes;
  };
  std::deque<Staged> staged_;
  size_t staged_bytes_ = 0;
};

}  // namespace suan::cuda
