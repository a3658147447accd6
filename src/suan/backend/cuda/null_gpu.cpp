// Listing what would be done. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/null_gpu.h"

#include <cstdlib>
#include <cstring>

#include "suan/backend/cuda/prelude.h"
#include "suan/base/error.h"

namespace suan::cuda {

namespace {

class NullBlock final : public DeviceBlock {
 public:
  NullBlock(NullGpu& gpu, size_t bytes) : gpu_(gpu), memory_(std::calloc(bytes, 1), std::free) {
    if (!memory_) fail(ErrorCode::kSystem, "memory", "could not allocate {} bytes", bytes);
  }
  void* address() const override { return memory_.get(); }
  const void* device() const override { return static_cast<const Device*>(&gpu_); }
  void download(void* to, size_t bytes) const override { gpu_.download(to, address(), bytes); }
  void upload(const void* from, size_t bytes) override { gpu_.upload(address(), from, bytes); }

 private:
  NullGpu& gpu_;
  std::unique_ptr<void, void (*)(void*)> memory_;  // zeros, which take no memory until written
};

struct NullProduct final : Product {
  explicit NullProduct(NullGpu& gpu) : gpu(gpu) {}
  void run(const ProductArgs& /*args*/) const override { gpu.sent.emplace_back("product"); }
  NullGpu& gpu;
};
struct NullConvolution final : Convolution {
  explicit NullConvolution(NullGpu& gpu) : gpu(gpu) {}
  void run(const void* /*a*/, const void* /*b*/, const void* /*bias*/, const void* /*residual*/,
           void* /*result*/, void* /*scratch*/) const override {
    gpu.sent.emplace_back("convolution");
  }
  NullGpu& gpu;
};
struct NullAttention final : Attention {
  explicit NullAttention(NullGpu& gpu) : gpu(gpu) {}
  void run(const AttentionData& /*data*/, void* /*scratch*/) const override {
    gpu.sent.emplace_back("attention");
  }
  NullGpu& gpu;
};

}  // namespace

NullGpu::NullGpu() { traits_.model = "null"; }
NullGpu::~NullGpu() = default;

DeviceBlockPtr NullGpu::allocate(size_t bytes) { return std::make_shared<NullBlock>(*this, bytes); }
BufferPtr NullGpu::allocate_shared(size_t bytes) { return Buffer::allocate(bytes); }
void NullGpu::upload(void* to, const void* host, size_t bytes) {
  sent.emplace_back("upload");
  if (bytes) std::memcpy(to, host, bytes);
}
void NullGpu::download(void* host, const void* from, size_t bytes) {
  sent.emplace_back("download");
  if (bytes) std::memcpy(host, from, bytes);
}
void NullGpu::copy(void* to, const void* from, size_t bytes) {
  sent.emplace_back("copy");
  if (bytes) std::memmove(to, from, bytes);
}
void NullGpu::clear(void* to, size_t bytes) {
  sent.emplace_back("clear");
  std::memset(to, 0, bytes);
}

std::unique_ptr<Recording> NullGpu::record(const std::function<void()>& work) {
  struct Nothing final : Recording {
    void play() const override {}
  };
  work();
  return std::make_unique<Nothing>();
}
double NullGpu::seconds_of(const std::function<void()>& work) {
  work();
  return 0;
}

Function NullGpu::own(std::string_view name) {
  auto& known = functions_[std::string(name)];
  if (!known) known = std::make_unique<FunctionInfo>(name);
  return known.get();
}
Function NullGpu::compile(const std::string& source, std::string_view name) {
  sources.try_emplace(std::string(name), source.substr(kernel_prelude().size()));
  return own(name);
}
void NullGpu::launch(Function function, const Launch& /*launch*/, const void* /*params*/,
                     size_t /*bytes*/) {
  sent.push_back(function->name);
}
std::unique_ptr<Product> NullGpu::product(const ProductSpec& /*spec*/) {
  return std::make_unique<NullProduct>(*this);
}
std::unique_ptr<Convolution> NullGpu::convolution(const ConvolutionSpec& /*spec*/) {
  return std::make_unique<NullConvolution>(*this);
}
std::unique_ptr<Attention> NullGpu::attention(const AttentionSpec& /*spec*/) {
  return std::make_unique<NullAttention>(*this);
}

}  // namespace suan::cuda
