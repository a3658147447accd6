// Products of the emulated GPU as plain loops over numbers in f64.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "suan/base/error.h"
#include "tests/emulate/emulated_gpu.h"

namespace emulate {
namespace {

using suan::DType;
using suan::cuda::Activation;

double get(DType dtype, const void* data, int64_t i) {
  return suan::visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<double>(static_cast<const T*>(data)[i]);
  });
}
void put(DType dtype, void* data, int64_t i, double value) {
  suan::visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) {
      static_cast<T*>(data)[i] = value;
    } else {
      static_cast<T*>(data)[i] = static_cast<T>(static_cast<float>(value));
    }
  });
}

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    default:
      return x;
  }
}

struct PlainProduct final : suan::cuda::Product {
  PlainProduct(const suan::cuda::ProductSpec& spec, std::function<void(std::function<void()>)> to)
      : s(spec), send(std::move(to)) {}
  void run(const void* a, const void* b, const void* bias, const void* residual, void* y,
           void* /*scratch*/) const override {
    send([=, this] { compute(a, b, bias, residual, y); });
  }
  void compute(const void* a, const void* b, const void* bias, const void* residual,
               void* y) const {
    for (int64_t i = 0; i < s.batch * s.m * s.n; ++i) {
      const int64_t at = i / (s.m * s.n), row = i / s.n % s.m, column = i % s.n;
      double sum = 0;
      for (int64_t k = 0; k < s.k; ++k) {
        const int64_t ia = s.transpose_a ? k * s.m + row : row * s.k + k;
        const int64_t ib = s.transpose_b ? column * s.k + k : k * s.n + column;
        sum += get(s.dtype, a, at * s.stride_a + ia) * get(s.dtype, b, at * s.stride_b + ib);
      }
      const int64_t to = at * s.stride_y + row * s.n + column;
      if (s.epilogue.bias) sum += get(s.result, bias, column);
      if (s.epilogue.residual) sum += get(s.result, residual, to);
      put(s.result, y, to, activated(s.epilogue.activation, sum));
    }
  }
  const suan::cuda::ProductSpec s;
  const std::function<void(std::function<void()>)> send;
};

}  // namespace

std::unique_ptr<suan::cuda::Product> EmulatedGpu::product(const suan::cuda::ProductSpec& spec) {
  return std::make_unique<PlainProduct>(spec, [this](std::function<void()> work) {
    launched.push_back("product");
    if (!collecting_) send(std::move(work));
  });
}

std::unique_ptr<suan::cuda::Convolution> EmulatedGpu::convolution(
    const suan::cuda::ConvolutionSpec& /*spec*/) {
  suan::fail(suan::ErrorCode::kUnsupported, "cuda", "the emulator has no convolutions yet");
}

}  // namespace emulate
