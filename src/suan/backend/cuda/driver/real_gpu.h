// The Gpu that is there. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/cuda/driver/attention.h"
#include "suan/backend/cuda/driver/convolution.h"
#include "suan/backend/cuda/driver/cudnn.h"
#include "suan/backend/cuda/driver/modules.h"
#include "suan/backend/cuda/driver/product.h"
#include "suan/backend/cuda/driver/queue.h"
#include "suan/backend/cuda/driver/transfers.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

class RealGpu final : public Gpu {
 public:
  RealGpu(int index, CUdevice device, GpuTraits traits, Memory memory);

  std::string name() const override;
  const GpuTraits& traits() const override { return traits_; }
  DeviceBlockPtr allocate(size_t bytes) override;
  BufferPtr allocate_shared(size_t bytes) override;
  void upload(void* to, const void* host, size_t bytes) override;
  void download(void* host, const void* from, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void clear(void* to, size_t bytes) override;
  void wait() override { queue_->wait(); }
  bool copy_from(const DeviceBlock& other, void* to, size_t bytes) override;
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  double seconds_of(const std::function<void()>& work) override;
  std::unique_ptr<Timeline> timeline(std::string& why_not) override;
  Function own(std::string_view name) override { return modules_.own(name); }
  Function compile(const std::string& source, std::string_view name) override;
  void launch(Function function, const Launch& launch, const void* params, size_t bytes) override;
  std::unique_ptr<Product> product(const ProductSpec& spec) override;
  std::unique_ptr<Convolution> convolution(const ConvolutionSpec& spec) override;
  std::unique_ptr<Attention> attention(const AttentionSpec& spec) override;

 private:
  int index_;
  CUdevice device_;
  GpuTraits traits_;
  std::shared_ptr<Queue> queue_;  // blocks and recordings keep it alive
  std::shared_ptr<Transfers> transfers_;
  Modules modules_;
  Products products_;
  Cudnn cudnn_;
  Convolutions convolutions_{cudnn_};
  Attentions attentions_{cudnn_};
};

}  // namespace suan::cuda
