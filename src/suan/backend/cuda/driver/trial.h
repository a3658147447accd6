// Trial: memory and made-up numbers on which algorithms are compared before one is taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <vector>

#include "suan/backend/cuda/driver/modules.h"
#include "suan/backend/cuda/driver/queue.h"

namespace suan::cuda {

// Libraries want their scratch memory at such an address; a program gives kBlockAlign.
inline constexpr size_t kScratchAlign = 256;
// What is left of so many bytes that begin anywhere.
constexpr size_t scratch_within(size_t bytes) {
  return bytes > kScratchAlign ? bytes - kScratchAlign : 0;
}
inline void* aligned_scratch(void* scratch) {
  return pointer_of((address_of(scratch) + kScratchAlign - 1) / kScratchAlign * kScratchAlign);
}
// Of operands, as the libraries are told: views may begin within a block.
inline constexpr int64_t kOperandAlign = 16;

class Trial {
 public:
  Trial(Queue& queue, Modules& modules) : queue_(queue), modules_(modules) {}
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  void* made_up(DType dtype, int64_t elements);  // between -1 and 1
  void* memory(size_t bytes);
  // Of the fastest run of three, after one that loads code and warms up.
  double seconds(const std::function<void()>& run);

 private:
  Queue& queue_;
  Modules& modules_;
  std::vector<CUdeviceptr> blocks_;
  size_t bytes_ = 0;
};

}  // namespace suan::cuda
