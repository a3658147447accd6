// A GPU for machines that have none: kernels run on the CPU, thread by thread (threads.h), its
// memory is the host's but at addresses of its own, what libraries compute are plain loops. Sources
// are compiled by the C++ compiler, many at once. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "suan/backend/cuda/gpu.h"

namespace suan {
struct Backend;
}

namespace emulate {

struct EmulatedFunction;

class EmulatedGpu final : public suan::cuda::Gpu {
 public:
  EmulatedGpu();
  ~EmulatedGpu() override;

  // While it is on, launches do nothing and compile() only collects what it is given;
  // compile_collected() then compiles all of it, in a few large pieces.
  void collect(bool on) { collecting_ = on; }
  void compile_collected();
  const std::map<std::string, std::string>& sources() const { return sources_; }  // by name

  // What can go wrong on a GPU. Negative: never; it is lost by the kernel that many launches later.
  void lose_after(int launches);
  void limit_memory(size_t bytes) { memory_limit_ = bytes; }
  void refuse_epilogues(bool on) { refuses_epilogues_ = on; }  // of products and convolutions
  void refuse_attention(bool on) { refuses_attention_ = on; }  // by a library

  std::string name() const override { return "cuda:0 (emulated)"; }
  suan::DeviceBlockPtr allocate(size_t bytes) override;
  suan::BufferPtr allocate_shared(size_t bytes) override;
  void upload(void* to, const void* host, size_t bytes) override;
  void download(void* host, const void* from, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void clear(void* to, size_t bytes) override;
  void wait() override;
  std::unique_ptr<suan::Recording> record(const std::function<void()>& work) override;
  double seconds_of(const std::function<void()>& work) override;

  const suan::cuda::GpuTraits& traits() const override { return traits_; }
  suan::cuda::Function own(std::string_view name) override;
  suan::cuda::Function compile(const std::string& source, std::string_view name) override;
  void launch(suan::cuda::Function function, const suan::cuda::Launch& launch, const void* params,
              size_t bytes) override;
  std::unique_ptr<suan::cuda::Product> product(const suan::cuda::ProductSpec& spec) override;
  std::unique_ptr<suan::cuda::Convolution> convolution(
      const suan::cuda::ConvolutionSpec& spec) override;
  std::unique_ptr<suan::cuda::Attention> attention(const suan::cuda::AttentionSpec& spec) override;

  std::vector<std::string> launched;  // names of kernels since somebody cleared it

 private:
  void send(std::function<void()> work);
  void check_inside(const void* at, size_t bytes, const char* what) const;
  friend class EmulatedBlock;

  suan::cuda::GpuTraits traits_;
  std::map<const char*, size_t> blocks_;  // allocated: address, bytes
  std::map<std::string, std::unique_ptr<EmulatedFunction>, std::less<>> functions_;
  std::map<std::string, std::string> sources_;
  std::set<std::string> compiled_;
  std::vector<std::function<void()>>* recording_ = nullptr;
  bool collecting_ = false;
  int launches_left_ = -1;  // 0: it is lost
  size_t memory_limit_ = SIZE_MAX, memory_used_ = 0;
  bool refuses_epilogues_ = false, refuses_attention_ = false;
};

EmulatedGpu& emulated_gpu();
const suan::Backend& emulated_backend();

}  // namespace emulate
