// Sources of kernels: what stands before each, and how a finished one is called.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <string>
#include <string_view>

#include "suan/backend/cuda/gpu.h"
#include "suan/backend/kernel.h"

namespace suan::cuda {

// A kernel that is compiled when it is launched first. Every "@" in the text stands for a name that
// follows from the text.
class Source {
 public:
  explicit Source(std::string_view text);
  const std::string& text() const { return text_; }  // without the prelude
  const std::string& name() const { return name_; }
  void launch(Gpu& gpu, const Launch& launch, const void* params, size_t bytes) const;

 private:
  std::string text_, name_;
  mutable std::atomic<Function> function_{nullptr};
};

inline Gpu& gpu_of(const KernelArgs& args) { return static_cast<Gpu&>(*args.device); }

// "float", "Bf16": the name in kernels of what an element is stored as; null: kernels do not
// compute with this dtype.
const char* stored_name(DType dtype);
// What arithmetic on it is done in: "float", "double", "int64_t" or "uint64_t".
const char* compute_name(DType dtype);

// Why these libraries cannot be used here; empty: they can. Set when a GPU is opened, for all.
const std::string& cublas_why_not();
const std::string& cudnn_why_not();
const std::string& cudnn_attention_why_not(bool gradient);
const std::string& fp8_why_not();  // products of FP8 operands
void set_libraries(const GpuTraits& traits);

// For kernels that know no layout: whether all of a node's data is plain, and no texts.
const char* plain_numbers_why_not(const Node& node);

// Blocks of `threads` for `count` threads' work, where each may loop: enough to fill the GPU.
unsigned blocks_for(const Gpu& gpu, int64_t count, unsigned threads);

}  // namespace suan::cuda
