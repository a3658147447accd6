// Trying algorithms out. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/trial.h"

#include <algorithm>

#include "suan/backend/cuda/noise.h"

namespace suan::cuda {
namespace {
constexpr size_t kKept = size_t{64} << 20;
}

// What the pool would keep of it the program has no use for.
Trial::~Trial() {
  for (const CUdeviceptr block : blocks_) queue_.free(block);
  if (bytes_ >= kKept) queue_.trim();
}

void* Trial::memory(size_t bytes) {
  blocks_.reserve(blocks_.size() + 1);
  blocks_.push_back(queue_.allocate(bytes));
  bytes_ += bytes;
  return pointer_of(blocks_.back());
}

void* Trial::made_up(DType dtype, int64_t elements) {
  void* block = memory(static_cast<size_t>(elements) * size_of(dtype));
  const Noise noise(block, dtype, elements, blocks_.size());
  modules_.launch(modules_.own(noise.kernel), noise.launch, &noise.params, sizeof(noise.params));
  return block;
}

double Trial::seconds(const std::function<void()>& run) {
  run();
  double best = queue_.seconds_of(run);
  for (int i = 0; i < 2; ++i) best = std::min(best, queue_.seconds_of(run));
  return best;
}

}  // namespace suan::cuda
