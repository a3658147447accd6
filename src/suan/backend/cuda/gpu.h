// Gpu: what CUDA kernels are launched with. The real one is in a shared library of its own
// (driver/), which is opened where there is a driver; tests have one that runs the same kernels as
// loops on the CPU. Nothing here needs the CUDA toolkit. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/backend/device.h"
#include "suan/base/dtype.h"

namespace suan::cuda {

struct GpuTraits {
  std::string model;      // "NVIDIA H100 80GB HBM3"
  int architecture = 90;  // compute capability, major * 10 + minor
  int multiprocessors = 132;
  size_t memory_bytes = 0;
  std::string bus;            // the address that NVML knows it by: "0000:1b:00.0"
  std::string why_no_cudnn;   // empty: cuDNN is there
  int cudnn_version = 91900;  // 9.19, where it is there
  std::string why_no_cublas;  // empty: cuBLASLt is there
};

// Where Gpu::allocate takes memory: the GPU's own, pages that move between host and GPU when they
// are touched, or the GPU's own that others reach into, so that blocks are copied between GPUs
// without the host.
enum class Memory : uint8_t { plain, managed, peer };

// A kernel, loaded. Names one for as long as the Gpu lives.
struct FunctionInfo {
  explicit FunctionInfo(std::string_view kernel) : name(kernel) {}
  virtual ~FunctionInfo() = default;
  const std::string name;
};
using Function = const FunctionInfo*;

struct Launch {
  unsigned blocks[3] = {1, 1, 1};
  unsigned threads = 256;     // of one block, in one dimension
  unsigned shared_bytes = 0;  // beside what the kernel declares
};

// What happens to a product or convolution before it is written:
// y = activation(x + bias + residual).
enum class Activation : uint8_t { none, relu, gelu, gelu_tanh, sigmoid, silu };
// The value z that an activation is applied to, where it has memory of its own (of products alone).
enum class Preactivation : uint8_t {
  unused,
  kept,   // y = activation(z) and z are results
  given,  // y = activation'(z) x: the gradient
};
inline constexpr int64_t kPreactivationStep = 8;  // cuBLASLt: its rows are a multiple of it
struct Epilogue {
  bool bias = false;      // one number for each column of a product, each channel of a convolution
  bool residual = false;  // added before the activation
  Activation activation = Activation::none;
  Preactivation preactivation = Preactivation::unused;
  bool operator==(const Epilogue&) const = default;
};

// y[i] = epilogue(op(a[i]) op(b[i])) for i < batch, all row-major: op(a) is m x k, op(b) k x n.
struct ProductSpec {
  int64_t m = 0, n = 0, k = 0, batch = 1;
  bool transpose_a = false, transpose_b = false;  // then a lies as k x m, b as n x k
  // From one of the batch to the next, in elements.
  int64_t stride_a = 0, stride_b = 0, stride_y = 0;
  DType dtype = DType::f32, result = DType::f32;  // of a and b; of y, bias and residual
  bool tf32 = false;                              // f32 operands rounded to TF32
  // FP8 operands: `dtype` is that of a, this that of b, and the result is scale_a scale_b times.
  std::optional<DType> fp8_b;
  size_t alignment = 16;     // of the matrices, in bytes
  size_t scratch_bytes = 0;  // that it may use
  Epilogue epilogue;
  bool measure = true;  // false: the first algorithm that the library proposes
  bool operator==(const ProductSpec&) const = default;
};
struct ProductArgs {
  const void *a, *b;
  const void *bias, *residual;  // null: the epilogue has none
  void* preactivation;          // lies as y does; null: the epilogue has none
  void *y, *scratch;
  const void *scale_a = nullptr, *scale_b = nullptr;  // of FP8 operands: an f32 number each
};
class Product {
 public:
  virtual ~Product() = default;
  virtual void run(const ProductArgs& args) const = 0;
};

// Convolutions of channels-last data [n, (d), h, w, c] by filters [o, (d), h, w, c / groups].
enum class ConvolutionKind : uint8_t { forward, data_gradient, weight_gradient };
struct ConvolutionSpec {
  ConvolutionKind kind = ConvolutionKind::forward;
  std::vector<int64_t> x, w, y;  // sizes as [n, c, spatial...], [o, c / groups, spatial...]
  std::vector<int64_t> stride, dilation, before, after;  // padding before and after
  int64_t groups = 1;
  DType dtype = DType::f32;
  bool tf32 = false;
  size_t scratch_bytes = 0;  // that it may use
  Epilogue epilogue;         // forward only
  bool measure = true;       // as of a product
  bool operator==(const ConvolutionSpec&) const = default;
};
class Convolution {
 public:
  virtual ~Convolution() = default;
  // forward: (x, w) to y; data_gradient: (y, w) to x; weight_gradient: (x, y) to w.
  virtual void run(const void* a, const void* b, const void* bias, const void* residual,
                   void* result, void* scratch) const = 0;
};

// Attention of queries [b, h, t, d] to keys and values [b, h_kv, s, d], all in 16 bits, and its
// gradient: ops/attention.h has the formulas. Causal: query i sees keys j <= i + s - t.
struct AttentionSpec {
  bool gradient = false;
  int64_t b = 1, h = 1, h_kv = 1, t = 1, s = 1, d = 64;
  bool causal = false, heads_inside = false;  // inside: what has heads lies as [b, rows, heads, d]
  float scale = 1;
  DType dtype = DType::bf16;
  size_t scratch_bytes = 0;  // that it may use
  bool measure = true;       // as of a product
  bool operator==(const AttentionSpec&) const = default;
};
struct AttentionData {
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  void *y = nullptr, *logsumexp = nullptr;           // in f32; the gradient reads both
  const void* g = nullptr;                           // of y
  void *gq = nullptr, *gk = nullptr, *gv = nullptr;  // the gradient alone
};
class Attention {
 public:
  virtual ~Attention() = default;
  virtual void run(const AttentionData& data, void* scratch) const = 0;
};

class Gpu : public Device {
 public:
  virtual const GpuTraits& traits() const = 0;

  // A kernel of kernels/*.cu. Throws Error(kSystem) where there is none of this name.
  virtual Function own(std::string_view name) = 0;
  // The kernel `name` of a source text (kernels/device.cuh comes before it), compiled or taken from
  // the cache on disk. Throws Error(kSystem) with the compiler's first message.
  virtual Function compile(const std::string& source, std::string_view name) = 0;
  // Every kernel takes one argument: a struct, by value.
  virtual void launch(Function function, const Launch& launch, const void* params,
                      size_t bytes) = 0;

  // Made ready: the fastest algorithm is measured. Throws Error(kUnsupported) with the reason where
  // the libraries have none.
  virtual std::unique_ptr<Product> product(const ProductSpec& spec) = 0;
  virtual std::unique_ptr<Convolution> convolution(const ConvolutionSpec& spec) = 0;
  virtual std::unique_ptr<Attention> attention(const AttentionSpec& spec) = 0;
};

// Opens GPU number `index`. Null, with the reason in one line, where it cannot be used.
std::shared_ptr<Gpu> open_gpu(int index, Memory memory, std::string& why_not);

}  // namespace suan::cuda
