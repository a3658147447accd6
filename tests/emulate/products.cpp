// Products and convolutions of the emulated GPU as plain loops over numbers in f64.
// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>

#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/emulate/numbers.h"

namespace emulate {
namespace {

using suan::DType;
using suan::cuda::Activation;
using suan::cuda::Preactivation;

// To 10 bits behind the point, ties away from zero, as the hardware does.
double to_tf32(double x) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(x));
  return std::bit_cast<float>((bits + 0x1000) & ~0x1fffu);
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

// Of x / 2 (1 + tanh(u)), u = c (x + d x^3).
double gelu_tanh_slope(double x) {
  const double c = std::sqrt(2 / M_PI), t = std::tanh(c * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
}

struct PlainProduct final : suan::cuda::Product {
  PlainProduct(const suan::cuda::ProductSpec& spec, std::function<void(std::function<void()>)> to)
      : s(spec), send(std::move(to)) {}
  void run(const suan::cuda::ProductArgs& args) const override {
    send([args, this] { compute(args); });
  }
  void compute(const suan::cuda::ProductArgs& args) const {
    const DType dtype_b = s.fp8_b.value_or(s.dtype);
    const auto operand = [&](DType dtype, const void* data, int64_t i) {
      const double x = get(dtype, data, i);
      return s.tf32 ? to_tf32(x) : x;
    };
    const double scale =
        s.fp8_b ? get(DType::f32, args.scale_a, 0) * get(DType::f32, args.scale_b, 0) : 1;
    for (int64_t i = 0; i < s.batch * s.m * s.n; ++i) {
      const int64_t at = i / (s.m * s.n), row = i / s.n % s.m, column = i % s.n;
      double sum = 0;
      for (int64_t k = 0; k < s.k; ++k) {
        const int64_t ia = s.transpose_a ? k * s.m + row : row * s.k + k;
        const int64_t ib = s.transpose_b ? column * s.k + k : k * s.n + column;
        sum += operand(s.dtype, args.a, at * s.stride_a + ia) *
               operand(dtype_b, args.b, at * s.stride_b + ib);
      }
      sum *= scale;
      const int64_t to = at * s.stride_y + row * s.n + column;
      if (s.epilogue.bias) sum += get(s.result, args.bias, column);
      if (s.epilogue.residual) sum += get(s.result, args.residual, to);
      if (s.epilogue.preactivation == Preactivation::kept) {
        put(s.result, args.preactivation, to, sum);
      }
      const bool given = s.epilogue.preactivation == Preactivation::given;
      put(s.result, args.y, to,
          given ? sum * gelu_tanh_slope(get(s.result, args.preactivation, to))
                : activated(s.epilogue.activation, sum));
    }
  }
  const suan::cuda::ProductSpec s;
  const std::function<void(std::function<void()>)> send;
};

struct PlainConvolution final : suan::cuda::Convolution {
  PlainConvolution(const suan::cuda::ConvolutionSpec& spec,
                   std::function<void(std::function<void()>)> to)
      : s(spec), send(std::move(to)) {}
  void run(const void* a, const void* b, const void* bias, const void* residual, void* result,
           void* /*scratch*/) const override {
    send([=, this] { compute(a, b, bias, residual, result); });
  }

  static int64_t numel(const std::vector<int64_t>& sizes) {
    int64_t n = 1;
    for (const int64_t size : sizes) n *= size;
    return n;
  }
  // Position of [i, j, space...] where the second axis lies last.
  static int64_t at(const std::vector<int64_t>& sizes, int64_t i, int64_t j,
                    const std::vector<int64_t>& space) {
    int64_t position = i;
    for (size_t k = 2; k < sizes.size(); ++k) position = position * sizes[k] + space[k - 2];
    return position * sizes[1] + j;
  }
  // Calls f(place in x, place in w, place in y) for every product of the convolution.
  template <class F>
  void each(F&& f) const {
    const size_t axes = s.x.size() - 2;
    const int64_t each_group = s.y[1] / s.groups;
    std::vector<int64_t> p(axes), k(axes), from(axes);
    const int64_t places = numel(s.y) / s.y[0] / s.y[1], taps = numel(s.w) / s.w[0] / s.w[1];
    const auto spread = [&](int64_t i, const std::vector<int64_t>& sizes,
                            std::vector<int64_t>& to) {
      for (size_t a = axes; a-- > 0; i /= sizes[a + 2]) to[a] = i % sizes[a + 2];
    };
    for (int64_t n = 0; n < s.y[0]; ++n) {
      for (int64_t o = 0; o < s.y[1]; ++o) {
        for (int64_t place = 0; place < places; ++place) {
          spread(place, s.y, p);
          for (int64_t tap = 0; tap < taps; ++tap) {
            spread(tap, s.w, k);
            bool inside = true;
            for (size_t a = 0; a < axes; ++a) {
              from[a] = p[a] * s.stride[a] + k[a] * s.dilation[a] - s.before[a];
              inside = inside && from[a] >= 0 && from[a] < s.x[a + 2];
            }
            if (!inside) continue;
            for (int64_t c = 0; c < s.w[1]; ++c) {
              f(at(s.x, n, o / each_group * s.w[1] + c, from), at(s.w, o, c, k), at(s.y, n, o, p));
            }
          }
        }
      }
    }
  }
  void compute(const void* a, const void* b, const void* bias, const void* residual,
               void* result) const {
    using suan::cuda::ConvolutionKind;
    const bool forward = s.kind == ConvolutionKind::forward;
    const bool data = s.kind == ConvolutionKind::data_gradient;
    const int64_t count = numel(forward ? s.y : data ? s.x : s.w);
    std::vector<double> sums(static_cast<size_t>(count));
    each([&](int64_t x, int64_t w, int64_t y) {
      const int64_t first = data ? y : x, second = forward || data ? w : y;
      const int64_t to = forward ? y : data ? x : w;
      const double left = get(s.dtype, a, first), right = get(s.dtype, b, second);
      sums[static_cast<size_t>(to)] += s.tf32 ? to_tf32(left) * to_tf32(right) : left * right;
    });
    for (int64_t i = 0; i < count; ++i) {
      double sum = sums[static_cast<size_t>(i)];
      if (s.epilogue.bias) sum += get(s.dtype, bias, i % s.y[1]);
      if (s.epilogue.residual) sum += get(s.dtype, residual, i);
      put(s.dtype, result, i, activated(s.epilogue.activation, sum));
    }
  }
  const suan::cuda::ConvolutionSpec s;
  const std::function<void(std::function<void()>)> send;
};

void refuse(const suan::cuda::Epilogue& e) {
  if (!e.bias && e.activation == Activation::none) return;
  suan::fail(suan::ErrorCode::kUnsupported, "emulator", "no such epilogue");
}

// What the library would not take must not be asked for.
void check_preactivation(const suan::cuda::ProductSpec& spec) {
  const suan::cuda::Epilogue& e = spec.epilogue;
  if (e.preactivation == Preactivation::unused) return;
  const bool given = e.preactivation == Preactivation::given;
  if (e.activation == Activation::gelu_tanh && spec.n % suan::cuda::kPreactivationStep == 0 &&
      !e.residual && !(given && (e.bias || suan::size_of(spec.result) != 2))) {
    return;
  }
  suan::fail(suan::ErrorCode::kSystem, "emulator", "no library has such an epilogue");
}

}  // namespace

std::unique_ptr<suan::cuda::Convolution> EmulatedGpu::convolution(
    const suan::cuda::ConvolutionSpec& spec) {
  if (refuses_epilogues_) refuse(spec.epilogue);
  return std::make_unique<PlainConvolution>(spec, [this](std::function<void()> work) {
    launched.emplace_back("convolution");
    if (!collecting_) send(std::move(work));
  });
}

std::unique_ptr<suan::cuda::Product> EmulatedGpu::product(const suan::cuda::ProductSpec& spec) {
  if (refuses_epilogues_) refuse(spec.epilogue);
  check_preactivation(spec);
  return std::make_unique<PlainProduct>(spec, [this](std::function<void()> work) {
    launched.emplace_back("product");
    if (!collecting_) send(std::move(work));
  });
}

}  // namespace emulate
