// A GPU that computes nothing: its memory is the host's, kernels are only listed. Programs are
// planned for it as for a real one, so plans, choices and what would be recorded can be looked at
// on any machine. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <vector>

#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

class NullGpu : public Gpu {
 public:
  NullGpu();
  ~NullGpu() override;

  // What has been sent since somebody cleared it: names of kernels, "product", "copy".
  std::vector<std::string> sent;
  // Every source that was to be compiled, by the name of its kernel.
  std::map<std::string, std::string> sources;

  std::string name() const override { return "cuda-null"; }
  DeviceBlockPtr allocate(size_t bytes) override;
  BufferPtr allocate_shared(size_t bytes) override;
  void upload(void* to, const void* host, size_t bytes) override;
  void download(void* host, const void* from, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void clear(void* to, size_t bytes) override;
  void wait() override {}
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  double seconds_of(const std::function<void()>& work) override;

  const GpuTraits& traits() const override { return traits_; }
  Function own(std::string_view name) override;
  Function compile(const std::string& source, std::string_view name) override;
  void launch(Function function, const Launch& launch, const void* params, size_t bytes) override;
  std::unique_ptr<Product> product(const ProductSpec& spec) override;
  std::unique_ptr<Convolution> convolution(const ConvolutionSpec& spec) override;
  std::unique_ptr<Attention> attention(const AttentionSpec& spec) override;

 private:
  GpuTraits traits_;
  std::map<std::string, std::unique_ptr<FunctionInfo>, std::less<>> functions_;
};

}  // namespace suan::cuda
