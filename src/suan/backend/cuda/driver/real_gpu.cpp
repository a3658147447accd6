// What a Gpu does, handed to its parts. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/real_gpu.h"

#include <algorithm>
#include <utility>

#include "suan/backend/cuda/driver/cupti_timeline.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

class Block final : public DeviceBlock {
 public:
  Block(const Device* device, std::shared_ptr<Queue> queue, std::shared_ptr<Transfers> transfers,
        size_t bytes)
      : device_(device),
        queue_(std::move(queue)),
        transfers_(std::move(transfers)),
        address_(queue_->allocate(bytes)) {}
  ~Block() override { queue_->free(address_); }
  void* address() const override { return pointer_of(address_); }
  const void* device() const override { return device_; }
  void download(void* to, size_t bytes) const override {
    transfers_->download(to, pointer_of(address_), bytes);
  }
  void upload(const void* from, size_t bytes) override {
    transfers_->upload(pointer_of(address_), from, bytes);
  }

 private:
  const Device* device_;
  std::shared_ptr<Queue> queue_;
  std::shared_ptr<Transfers> transfers_;
  CUdeviceptr address_;
};

}  // namespace

RealGpu::RealGpu(int index, CUdevice device, GpuTraits traits, Memory memory)
    : index_(index),
      device_(device),
      traits_(std::move(traits)),
      queue_(std::make_shared<Queue>(device, memory)),
      transfers_(std::make_shared<Transfers>(queue_)),
      modules_(queue_, traits_.architecture),
      products_(queue_, modules_, traits_),
      cudnn_(queue_, modules_, traits_) {}

std::string RealGpu::name() const { return fmt::format("cuda:{} ({})", index_, traits_.model); }

DeviceBlockPtr RealGpu::allocate(size_t bytes) {
  return std::make_shared<Block>(this, queue_, transfers_, bytes);
}

BufferPtr RealGpu::allocate_shared(size_t bytes) {
  queue_->refuse_in_recording("allocating");
  queue_->make_current();
  void* memory = nullptr;
  SUAN_CU(cuMemHostAlloc(&memory, std::max<size_t>(bytes, kBlockAlign),
                         CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP));
  return Buffer::borrow(memory, bytes, [queue = queue_, memory] {
    queue->make_current();
    cuda_api().cuMemFreeHost(memory);
  });
}

void RealGpu::upload(void* to, const void* host, size_t bytes) {
  transfers_->upload(to, host, bytes);
}

void RealGpu::download(void* host, const void* from, size_t bytes) {
  transfers_->download(host, from, bytes);
}

void RealGpu::copy(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  const auto turn = queue_->turn();
  SUAN_CU(cuMemcpyAsync(address_of(to), address_of(from), bytes, queue_->work()));
}

bool RealGpu::copy_from(const DeviceBlock& other, void* to, size_t bytes) {
  const auto* gpu = dynamic_cast<const RealGpu*>(static_cast<const Device*>(other.device()));
  return gpu && queue_->copy_from(*gpu->queue_, address_of(to), address_of(other.address()), bytes);
}

void RealGpu::clear(void* to, size_t bytes) {
  if (bytes == 0) return;
  const auto turn = queue_->turn();
  SUAN_CU(cuMemsetD8Async(address_of(to), 0, bytes, queue_->work()));
}

std::unique_ptr<Recording> RealGpu::record(const std::function<void()>& work) {
  return queue_->record(work);
}

double RealGpu::seconds_of(const std::function<void()>& work) { return queue_->seconds_of(work); }

std::unique_ptr<Timeline> RealGpu::timeline(std::string& why_not) {
  return open_timeline(queue_, device_, why_not);
}

Function RealGpu::compile(const std::string& source, std::string_view name) {
  return modules_.compiled(source, name);
}

void RealGpu::launch(Function function, const Launch& launch, const void* params, size_t bytes) {
  modules_.launch(function, launch, params, bytes);
}

std::unique_ptr<Product> RealGpu::product(const ProductSpec& spec) { return products_.make(spec); }

std::unique_ptr<Convolution> RealGpu::convolution(const ConvolutionSpec& spec) {
  return convolutions_.make(spec);
}

std::unique_ptr<Attention> RealGpu::attention(const AttentionSpec& spec) {
  return attentions_.make(spec);
}

}  // namespace suan::cuda
