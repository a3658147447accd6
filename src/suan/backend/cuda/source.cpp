// Names of kernels are those of their text: equal kernels are compiled once.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/source.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "suan/backend/cuda/prelude.h"

namespace suan::cuda {
namespace {
std::string no_cublas, no_cudnn, no_fp8, no_attention, no_attention_gradient;

// Before 9.16 its gradient is wrong where the number of keys is no multiple of 128.
constexpr int kOldestForAttention = 91600;
// Of later ones nobody says that cuDNN's gradient has the same bits in every run.
constexpr int kNewestForGradient = 90;

std::string attention_why_not(const GpuTraits& traits) {
  if (!traits.why_no_cudnn.empty()) return traits.why_no_cudnn;
  if (traits.cudnn_version >= kOldestForAttention) return {};
  return fmt::format("cuDNN is {}.{}, and 9.16 is needed", traits.cudnn_version / 10000,
                     traits.cudnn_version / 100 % 100);
}
}  // namespace
const std::string& cublas_why_not() { return no_cublas; }
const std::string& cudnn_why_not() { return no_cudnn; }
const std::string& fp8_why_not() { return no_fp8; }
const std::string& cudnn_attention_why_not(bool gradient) {
  return gradient ? no_attention_gradient : no_attention;
}
void set_libraries(const GpuTraits& traits) {
  no_cublas = traits.why_no_cublas;
  no_cudnn = traits.why_no_cudnn;
  no_attention = no_attention_gradient = attention_why_not(traits);
  if (no_attention.empty() && traits.architecture > kNewestForGradient) {
    no_attention_gradient = "cuDNN may give other bits in every run on this GPU";
  }
  constexpr int kFirstWithFp8 = 89;
  no_fp8 = traits.architecture < kFirstWithFp8 ? fmt::format("FP8 needs sm_{}, the GPU is sm_{}",
                                                             kFirstWithFp8, traits.architecture)
                                               : "";
}

Source::Source(std::string_view text) {
  name_ = fmt::format("k{:016x}", XXH3_64bits(text.data(), text.size()));
  for (const char c : text) {
    if (c == '@') {
      text_ += name_;
    } else {
      text_ += c;
    }
  }
}

void Source::launch(Gpu& gpu, const Launch& launch, const void* params, size_t bytes) const {
  Function function = function_.load(std::memory_order_acquire);
  if (!function) {
    function = gpu.compile(kernel_prelude() + text_, name_);
    function_.store(function, std::memory_order_release);
  }
  gpu.launch(function, launch, params, bytes);
}

const char* stored_name(DType dtype) {
  constexpr const char* kNames[] = {"double",   "float",   "Bf16",   "F16",      "int64_t",
                                    "int32_t",  "int16_t", "int8_t", "uint64_t", "uint32_t",
                                    "uint16_t", "uint8_t", "bool"};
  if (dtype == DType::f8e4m3fn) return "F8e4m3";
  if (dtype == DType::f8e5m2) return "F8e5m2";
  return is_arithmetic(dtype) ? kNames[static_cast<int>(dtype)] : nullptr;
}

const char* compute_name(DType dtype) {
  if (dtype == DType::f64) return "double";
  if (is_float(dtype) || is_small_float(dtype)) return "float";
  return dtype == DType::u64 ? "uint64_t" : "int64_t";
}

const char* plain_numbers_why_not(const Node& node) {
  const auto is_text = [](const Type& type) { return type.dtype == DType::string; };
  const bool texts = std::any_of(node.types.begin(), node.types.end(), is_text) ||
                     std::any_of(node.inputs.begin(), node.inputs.end(),
                                 [&](const Tensor& t) { return t && is_text(t.type()); });
  return texts ? "texts stay on the host" : plain_why_not(node);
}

unsigned blocks_for(const Gpu& gpu, int64_t count, unsigned threads) {
  constexpr int64_t kWaves = 16;  // blocks of each multiprocessor
  const int64_t needed = (count + threads - 1) / threads;
  return static_cast<unsigned>(
      std::clamp<int64_t>(needed, 1, kWaves * gpu.traits().multiprocessors));
}

}  // namespace suan::cuda
