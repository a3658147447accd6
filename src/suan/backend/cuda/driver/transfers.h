// Transfers: copies between host memory and the GPU, through pinned memory, so that the host's own
// may be used again at once and copying goes beside work. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <memory>
#include <mutex>

#include "suan/backend/cuda/driver/queue.h"

namespace suan::cuda {

class Transfers {
 public:
  explicit Transfers(std::shared_ptr<Queue> queue);
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  void upload(void* to, const void* host, size_t bytes);
  void download(void* host, const void* from, size_t bytes);

 private:
  struct Slot {
    void* memory = nullptr;  // pinned
    CUevent done = nullptr;  // the last copy from or to it
  };
  struct Ring {
    std::mutex mutex;  // one transfer at a time in each direction
    std::array<Slot, 4> slots;
    size_t next = 0;
  };
  void prepare(Ring& ring);
  void send(CUdeviceptr to, const char* host, size_t bytes, CUstream stream);
  void send_beside(CUdeviceptr to, const char* host, size_t bytes);

  std::shared_ptr<Queue> queue_;
  Ring up_, down_;
  CUevent arrived_ = nullptr;
};

}  // namespace suan::cuda
