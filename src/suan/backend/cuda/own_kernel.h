// A kernel of kernels/*.cu, looked up when it is launched first.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <string>

#include "suan/backend/cuda/source.h"

namespace suan::cuda {

class OwnKernel {
 public:
  OwnKernel() = default;
  explicit OwnKernel(std::string name) : name_(std::move(name)) {}
  OwnKernel(const OwnKernel& other) : name_(other.name_) {}
  OwnKernel& operator=(const OwnKernel& other) {
    name_ = other.name_;
    function_ = nullptr;
    return *this;
  }

  template <class Params>
  void launch(Gpu& gpu, const Launch& launch, const Params& params) const {
    Function function = function_.load(std::memory_order_acquire);
    if (!function) {
      function = gpu.own(name_);
      function_.store(function, std::memory_order_release);
    }
    gpu.launch(function, launch, &params, sizeof(Params));
  }

 private:
  std::string name_;
  mutable std::atomic<Function> function_{nullptr};
};

// In blocks of 256 threads, of which each may take more than one of the units of work.
template <class Params>
void launch_for(const OwnKernel& kernel, Gpu& gpu, uint64_t units, const Params& params) {
  constexpr unsigned kThreads = 256;
  const unsigned blocks = blocks_for(gpu, static_cast<int64_t>(units), kThreads);
  kernel.launch(gpu, {.blocks = {blocks, 1, 1}, .threads = kThreads}, params);
}

}  // namespace suan::cuda
