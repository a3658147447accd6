// Products of matrices by cuBLASLt. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "suan/backend/cuda/driver/choices.h"
#include "suan/backend/cuda/driver/modules.h"
#include "suan/backend/cuda/driver/queue.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

std::string why_no_cublas();  // "" where it is there

struct CublasHandle;

class Products {
 public:
  Products(std::shared_ptr<Queue> queue, Modules& modules, const GpuTraits& traits);
  // The algorithm is the one in the cache, or the fastest of those that the library proposes.
  std::unique_ptr<Product> make(const ProductSpec& spec);

 private:
  std::shared_ptr<Queue> queue_;
  Modules& modules_;
  std::string machine_;  // in keys of the cache
  std::once_flag once_;
  std::shared_ptr<CublasHandle> handle_;
  Choices choices_{"products.txt"};
};

}  // namespace suan::cuda
